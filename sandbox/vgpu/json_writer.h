// JSON as text: strings are valid UTF-8 whatever comes in, numbers are integers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "machine.h"

namespace vgpu {

// Bytes of the UTF-8 sequence that starts at text[at]; 0 when there is none (RFC 3629 without its surrogate subtleties:
// overlong forms and surrogates are refused by the bounds on the second byte).
inline size_t utf8_length(const std::string &text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t(0); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool bad = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

inline void append_escaped(std::string &out, char character) {
  switch (character) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    default: break;
  }
  if (uint8_t(character) >= 0x20) {
    out += character;
    return;
  }
  char code[8];
  std::snprintf(code, sizeof code, "\\u%04x", unsigned(uint8_t(character)));
  out += code;
}

// Writes one JSON value into a string, with commas where they belong.
class Writer {
 public:
  std::string take() { return std::move(out_); }

  void begin(char bracket) { separate(); out_ += bracket; first_ = true; }
  void end(char bracket) { out_ += bracket; first_ = false; }
  void key(const char *name) { text(name); out_ += ':'; first_ = true; }

  void number(uint64_t value) { separate(); out_ += std::to_string(value); }
  void signed_number(int64_t value) { separate(); out_ += std::to_string(value); }
  void text(const std::string &value) {
    separate();
    out_ += '"';
    for (size_t at = 0; at < value.size();) {
      const size_t length = utf8_length(value, at);
      if (length == 0) out_ += "\\ufffd";
      else if (length == 1) append_escaped(out_, value[at]);
      else out_.append(value, at, length);
      at += length ? length : 1;
    }
    out_ += '"';
  }

  void field(const char *name, uint64_t value) { key(name); number(value); }
  void field(const char *name, const std::string &value) { key(name); text(value); }
  void field(const char *name, const Dim3 &value) {
    key(name);
    begin('[');
    number(value.x);
    number(value.y);
    number(value.z);
    end(']');
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

}  // namespace vgpu
