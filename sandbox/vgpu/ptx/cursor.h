// Reads PTX text character by character: white space and comments, identifiers, numbers, punctuation, lines.
#pragma once

#include <cstdint>
#include <string_view>

namespace vgpu::ptx {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  void skip_space();                          // white space and both kinds of comment
  bool at_end() { skip_space(); return at_ >= text_.size(); }
  char peek() { skip_space(); return at_ < text_.size() ? text_[at_] : '\0'; }
  char raw(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(char c);                          // consumes c if it comes next
  std::string_view identifier();              // [A-Za-z_$%][A-Za-z0-9_$%]*, empty if none
  std::string_view dotted();                  // an opcode or directive with its dots and double colons
  std::string_view directive();               // one word with its leading dot: .reg of `.reg.b32`
  std::string_view quoted();                  // "text", without the quotes; no escapes, may hold ends of lines
  bool integer(int64_t &value);               // optional sign; decimal, hexadecimal, octal, binary, trailing U
  bool integer(int64_t &value, bool &is_unsigned);   // and whether it is .u64: with U, or beyond .s64
  bool expression(int64_t &value);            // a constant expression of integers; nothing is read where it fails
  bool real(int64_t &bits, bool &is_f64);     // 0fXXXXXXXX, 0dXXXXXXXXXXXXXXXX, or a decimal fraction
  void skip_past(char c);                     // to behind the next c that is in no comment and no string
  void skip_braces();                         // behind the brace that matches the next one, likewise
  void forward(size_t n) { at_ += n; }
  size_t position() const { return at_; }
  uint32_t line() const { return line_; }
  std::string_view between(size_t from, size_t to) const { return text_.substr(from, to - from); }

 private:
  char skip_token();                          // what it was: '"' for a string, '\0' at the end

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
};

}  // namespace vgpu::ptx
