#include "cursor.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string>

namespace vgpu::ptx {

namespace {
bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }
bool continues_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }
}  // namespace

void Cursor::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
    } else if (c == '/' && raw(1) == '/') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '/' && raw(1) == '*') {
      for (at_ += 2; at_ < text_.size() && !(text_[at_] == '*' && raw(1) == '/'); ++at_) line_ += text_[at_] == '\n';
      at_ = std::min(at_ + 2, text_.size());
    } else {
      return;
    }
  }
}

bool Cursor::take(char c) {
  if (peek() != c || at_ >= text_.size()) return false;
  ++at_;
  return true;
}

std::string_view Cursor::identifier() {
  skip_space();
  const size_t start = at_;
  if (at_ < text_.size() && starts_name(text_[at_])) {
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
  }
  return between(start, at_);
}

std::string_view Cursor::dotted() {
  skip_space();
  const size_t start = at_;
  while (at_ < text_.size()) {
    const bool colons = text_[at_] == ':' && raw(1) == ':';
    if (!continues_name(text_[at_]) && text_[at_] != '.' && !colons) break;
    at_ += colons ? 2 : 1;
  }
  return between(start, at_);
}

std::string_view Cursor::directive() {
  skip_space();
  const size_t start = at_;
  if (raw() == '.') ++at_;
  while (at_ < text_.size()) {
    const bool colons = text_[at_] == ':' && raw(1) == ':';
    if (!continues_name(text_[at_]) && !colons) break;
    at_ += colons ? 2 : 1;
  }
  return between(start, at_);
}

std::string_view Cursor::quoted() {
  if (!take('"')) return {};
  const size_t start = at_;
  for (; at_ < text_.size() && text_[at_] != '"'; ++at_) line_ += text_[at_] == '\n';
  const std::string_view inside = between(start, at_);
  if (at_ < text_.size()) ++at_;
  return inside;
}

bool Cursor::integer(int64_t &value) {
  bool ignored = false;
  return integer(value, ignored);
}

bool Cursor::integer(int64_t &value, bool &is_unsigned) {
  skip_space();
  size_t at = at_;
  const bool negative = raw() == '-';
  if (negative || raw() == '+') ++at;
  if (at >= text_.size() || !std::isdigit(static_cast<unsigned char>(text_[at]))) return false;
  uint32_t base = 10;
  if (text_[at] == '0' && at + 1 < text_.size()) {
    const char mark = text_[at + 1];
    base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : std::isdigit(mark) ? 8 : 10;
    at += base == 16 || base == 2 ? 2 : base == 8 ? 1 : 0;
  }
  const size_t first_digit = at;
  uint64_t magnitude = 0;
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    const int digit = std::isdigit(c) ? c - '0' : std::isalpha(c) ? (std::tolower(c) - 'a' + 10) : 99;
    if (digit >= static_cast<int>(base)) break;
    magnitude = magnitude * base + static_cast<uint32_t>(digit);
  }
  if (at == first_digit && base != 8) return false;
  const bool marked = at < text_.size() && (text_[at] == 'U' || text_[at] == 'u');
  if (marked) ++at;
  is_unsigned = marked || magnitude > uint64_t(INT64_MAX);
  value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  at_ = at;
  return true;
}

bool Cursor::real(int64_t &bits, bool &is_f64) {
  skip_space();
  size_t at = at_;
  const bool negative = raw() == '-';
  if (negative) ++at;
  const char mark = at + 1 < text_.size() && text_[at] == '0' ? text_[at + 1] : '\0';
  if (mark == 'f' || mark == 'F' || mark == 'd' || mark == 'D') {
    is_f64 = mark == 'd' || mark == 'D';
    const size_t digits = is_f64 ? 16 : 8;
    const std::string hex(text_.substr(at + 2, digits));
    const uint64_t sign = negative ? (is_f64 ? uint64_t(1) << 63 : uint64_t(1) << 31) : 0;
    bits = static_cast<int64_t>(std::strtoull(hex.c_str(), nullptr, 16) ^ sign);
    if (hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos || hex.size() != digits) return false;
    at_ = at + 2 + digits;
    return true;
  }
  size_t end = at;
  while (end < text_.size() && std::isdigit(static_cast<unsigned char>(text_[end]))) ++end;
  if (end == at || end >= text_.size() || text_[end] != '.') return false;
  while (end < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[end])) || text_[end] == '.')) ++end;
  if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
    ++end;
    if (end < text_.size() && (text_[end] == '-' || text_[end] == '+')) ++end;
    while (end < text_.size() && std::isdigit(static_cast<unsigned char>(text_[end]))) ++end;
  }
  const double number = std::strtod(std::string(text_.substr(at_, end - at_)).c_str(), nullptr);
  std::memcpy(&bits, &number, 8);
  is_f64 = true;
  at_ = end;
  return true;
}

char Cursor::skip_token() {
  const char first = peek();
  if (first == '"') {
    quoted();
  } else if (at_ < text_.size()) {
    ++at_;
  }
  return first;
}

// Inline assembly stands in the text word for word. Where skipping ends in the midst of its strings or comments, they
// are executed here and nowhere else.
void Cursor::skip_past(char c) {
  while (!at_end() && skip_token() != c) {}
}

void Cursor::skip_braces() {
  skip_past('{');
  for (int depth = 1; depth > 0 && !at_end();) {
    const char token = skip_token();
    depth += token == '{' ? 1 : token == '}' ? -1 : 0;
  }
}

}  // namespace vgpu::ptx
