#include "http_beast/mailbox.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "http_beast/session.h"

namespace tp::http {

void Mailbox::put(std::weak_ptr<Session> to, Response response) {
  const MutexLock lock{m_};
  if (io_ == nullptr) return;
  letters_.push_back({std::move(to), std::move(response)});
  // Under the lock, or the io_context might go meanwhile.
  if (letters_.size() == 1) boost::asio::post(*io_, [this] { deliver(); });
}

void Mailbox::close() {
  const MutexLock lock{m_};
  io_ = nullptr;
  letters_.clear();
}

void Mailbox::deliver() {
  std::vector<Letter> letters;
  {
    const MutexLock lock{m_};
    letters.swap(letters_);
  }
  for (const Letter& letter : letters) {
    if (const auto session = letter.to.lock()) session->on_answer(letter.response);
  }
}

}  // namespace tp::http
