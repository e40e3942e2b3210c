#pragma once

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/mutex.h"
#include "http/types.h"

namespace tp::http {

class Session;

// Brings answers from any thread to the I/O thread whose sessions wait for them. All answers that come before
// that thread looks cost one wake-up together. Lives as long as a Responder knows it, which may be longer
// than the server; then it drops what it gets. Thread-safe. Private to libs/http_beast.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}

  void put(std::weak_ptr<Session> to, Response response);
  // To be called before the io_context goes.
  void close();

 private:
  struct Letter {
    std::weak_ptr<Session> to;  // weak: a session ends on its I/O thread
    Response response;
  };

  void deliver();  // on the I/O thread

  Mutex m_;
  boost::asio::io_context* io_ TP_GUARDED_BY(m_);  // none: closed
  std::vector<Letter> letters_ TP_GUARDED_BY(m_);
};

}  // namespace tp::http
