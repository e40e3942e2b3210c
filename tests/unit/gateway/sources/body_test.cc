#include "gateway/sources/body.h"

#include <string>

#include "support/catch.h"

namespace tp::gateway {
namespace {

std::string why(std::string_view body, std::string_view unique = {}) {
  const auto read = read_object(body, unique);
  const auto checked = check_object(body);
  if (unique.empty()) CHECK(read.has_value() == checked.has_value());
  if (read) return "";
  CHECK(read.error().code == ErrorCode::InvalidArgument);
  return read.error().message;
}

TEST_CASE("a body is one JSON object", "[sources][body]") {
  CHECK(why(R"({"a":[1,2,{"b":null}]})").empty());
  CHECK(why(" \r\n\t{}\n").empty());
  CHECK(why("{}").empty());
  CHECK(why("[]") == "invalid_json: not an object");
  CHECK(why("null") == "invalid_json: not an object");
  CHECK(why(R"("{")") == "invalid_json: not an object");
  for (const std::string_view broken :
       {"", " ", "{", "{}{}", "{\"a\":}", "{'a':1}", "payload=%7B%7D", "{\"a\":1,}"}) {
    INFO(broken);
    CHECK(why(broken).starts_with("invalid_json: "));
  }
}

TEST_CASE("hostile bodies are refused in words that do not quote them", "[sources][body]") {
  const std::string deep(400'000, '[');
  CHECK(why(deep).find("deeper") != std::string::npos);
  const std::string nested = std::string(64, '[') + std::string(64, ']');
  CHECK_FALSE(why(R"({"a":)" + nested + "}").empty());
  CHECK(why(R"({"a":)" + nested.substr(1, nested.size() - 2) + "}").empty());  // 64 levels with the object

  CHECK_FALSE(why(std::string{"{\"a\":\"\0\"}", 9}).empty());
  CHECK_FALSE(why(std::string{"{}\0", 3}).empty());
  CHECK(why(R"({"a":"x\u0000y"})") == "invalid_json: a NUL character");
  CHECK(why(R"({"a\u0000":1})") == "invalid_json: a NUL character");
  CHECK(why(R"({"a":"\\\u0000"})") == "invalid_json: a NUL character");
  CHECK(why(R"({"a":"\\u0000"})").empty());  // a backslash and "u0000"
  CHECK(why(R"({"a":"\\u0000","b":"\u0000"})") == "invalid_json: a NUL character");
  CHECK(why(R"({"a":"\u00000"})") == "invalid_json: a NUL character");

  for (const std::string_view bytes : {"\x80", "\xC0\x80", "\xED\xA0\x80", "\xF8\x88\x80\x80", "\xC3"}) {
    const std::string message = why(R"({"secret":")" + std::string{bytes} + "\"}");
    CHECK(message.starts_with("invalid_json: "));
    CHECK(message.find("secret") == std::string::npos);
  }
  CHECK_FALSE(why(R"({"a":"\uD800"})").empty());
  CHECK_FALSE(why(R"({"a":1e999999})").empty());
  CHECK(why(R"({"a":)" + std::string(300, '9') + "}").empty());
  CHECK_FALSE(why(R"({"a":)" + std::string(1'000'000, '9') + "}").empty());  // beyond a double
}

TEST_CASE("a body that would take many times its size in memory is refused", "[sources][body]") {
  const auto body = [](int values, std::string_view value) {
    std::string text = "{\"a\":[0";
    for (int i = 0; i < values; ++i) text.append(",").append(value);
    return text + "]}";
  };
  CHECK(read_object(body(16'000, "0")));
  CHECK(read_object(body(50'000, R"("0123456789abcd")")));
  const auto refused = read_object(body(50'000, "0"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Error{ErrorCode::InvalidArgument, "invalid_json: JSON of more than 16384 values"});
}

TEST_CASE("members that ids are read from may be there once", "[sources][body]") {
  CHECK(why(R"({"id":1,"b":2,"b":3})", "id").empty());
  CHECK(why(R"({"id":1,"id":1})", "id").find("twice") != std::string::npos);
  CHECK(why(R"({"id":1,"\u0069d":2})", "id").find("twice") != std::string::npos);
  CHECK(why(R"({"event":{"data":{"id":1,"id":2}}})", "event event/data event/data/id") != "");
  CHECK(why(R"({"event":{"data":{"id":1}},"event":{}})", "id event/data/id") != "");
  CHECK(why(R"({"event":[{"id":1,"id":2}]})", "event event/id").empty());
}

TEST_CASE("ids become keys only when they fit", "[sources][body]") {
  const auto document = read_object(R"({"text":"Ev1","number":12,"big":18446744073709551616,"none":null})");
  REQUIRE(document.has_value());
  CHECK(id_text(document->root()["text"]) == "Ev1");
  CHECK(id_text(document->root()["number"]) == "12");
  CHECK(id_text(document->root()["big"]).empty());  // a double would make two ids one
  CHECK(id_text(document->root()["none"]).empty());
  CHECK(id_text(std::string_view{"msg_1"}) == "msg_1");
  CHECK(id_text(std::string_view{"msg\xFF"}).empty());
  CHECK(id_text(std::string_view{"a b"}).empty());
  CHECK(id_text(std::string(kIdBytes, 'x')).size() == kIdBytes);
  CHECK(id_text(std::string(kIdBytes + 1, 'x')).empty());

  CHECK(key_of({"T1", "C1", "1.2"}) == "T1:C1:1.2");
  CHECK(key_of({"T1", "", "1.2"}).empty());
  CHECK(key_of({"T1", std::string(kIdBytes + 1, 'x')}).empty());
}

TEST_CASE("texts are cut between characters", "[sources][body]") {
  CHECK(clip("abc", 3) == "abc");
  CHECK(clip("abc", 2) == "ab");
  CHECK(clip("aé€", 2) == "a");
  CHECK(clip("aé€", 5) == "aé");
  CHECK(clip("€", 0).empty());
  CHECK(kind_of("") == "unknown");
  CHECK(kind_of(std::string(99, 'x') + "é") == std::string(99, 'x'));
}

TEST_CASE("a digest is the 32 bytes of SHA-256", "[sources][body]") {
  CHECK(digest_of("").size() == 32);
  CHECK(digest_of("").starts_with("\xE3\xB0\xC4\x42"));
  CHECK(digest_of("a") != digest_of("b"));
}

TEST_CASE("form fields are decoded strictly", "[sources][form]") {
  CHECK(*form_field("payload=%7B%22a%22%3A+1%7D", "payload") == R"({"a": 1})");
  CHECK(*form_field("x=1&payload=a%2Bb%25&y", "payload") == "a+b%");
  CHECK(*form_field("p%61yload=1", "payload") == "1");
  CHECK(*form_field("payload=a=b", "payload") == "a=b");
  CHECK(form_field("payload=", "payload")->empty());
  for (const std::string_view body :
       {"", "payloa=1", "payload=1&payload=1", "payload=1&p%61yload=2", "payload=%", "payload=%4",
        "payload=%zz", "x=%&payload=1", "%=&payload=1", "ssl_check=1"}) {
    INFO(body);
    const auto value = form_field(body, "payload");
    REQUIRE_FALSE(value.has_value());
    CHECK(value.error().code == ErrorCode::InvalidArgument);
    CHECK(value.error().message.starts_with("invalid_form: "));
  }
}

}  // namespace
}  // namespace tp::gateway
