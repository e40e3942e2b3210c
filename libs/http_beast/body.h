#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>

#include "http_beast/budget.h"

namespace tp::http {

// A body type for Beast's parser whose memory follows the bytes that have come, each paid for from the
// budget. Beast's own string_body reserves what the peer announces. Private to libs/http_beast.
struct ChargedBody {
  struct value_type {  // NOLINT(readability-identifier-naming): Beast's name
    std::string bytes{};
    Charge* charge = nullptr;  // set before the first byte; outlives this
    bool refused = false;      // the budget is used up: the error of reader::put
  };

  class reader {  // NOLINT(readability-identifier-naming): Beast's name
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>& /*header*/, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& error) {
      length_ = length.value_or(0);
      error = {};
    }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      const std::size_t size = boost::asio::buffer_size(buffers);
      if (!body_.charge->take(size)) {
        body_.refused = true;
        error = boost::beast::http::error::buffer_overflow;
        return 0;
      }
      error = {};
      std::string& bytes = body_.bytes;
      const std::size_t needed = bytes.size() + size;
      // Doubles as a string does, but not beyond what is to come.
      if (needed > bytes.capacity() && needed <= length_)
        bytes.reserve(std::clamp(2 * bytes.capacity(), needed, length_));
      for (auto it = boost::asio::buffer_sequence_begin(buffers);
           it != boost::asio::buffer_sequence_end(buffers); ++it) {
        const boost::asio::const_buffer part{*it};
        bytes.append(static_cast<const char*>(part.data()), part.size());
      }
      return size;
    }

    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
    std::size_t length_ = 0;  // as announced; 0 for chunks
  };
};

}  // namespace tp::http
