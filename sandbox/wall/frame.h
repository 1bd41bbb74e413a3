// The two frames of one errand, mapped into the child: the request, which it can only read, and the answer it alone
// writes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "wire.h"

namespace wall {

// The answer does not fit into the memory that the judge gave for it.
class AnswerTooLarge : public std::runtime_error {
 public:
  AnswerTooLarge() : std::runtime_error("the answer is larger than the memory given for it") {}
};

// Maps `fd` privately and read-only; the mapping lives until the process ends.
class Request {
 public:
  Request(int fd, uint64_t bytes);
  std::string_view head() const { return head_; }
  std::string_view blob(uint64_t index) const;

 private:
  std::string_view memory_;
  std::string_view head_;
  std::vector<Place> places_;
};

// Maps `fd` shared and writable. Nothing counts as answered before finish().
class Answer {
 public:
  Answer(int fd, uint64_t bytes);
  // Space for one more blob, to be filled in place by the caller; throws AnswerTooLarge.
  uint8_t *blob(uint64_t bytes);
  void blob(std::string_view content);
  void finish(std::string_view head);

 private:
  uint64_t claim(uint64_t bytes);
  uint8_t *memory_;
  uint64_t bytes_;
  uint64_t used_ = sizeof(FrameHeader);
  std::vector<Place> places_;
};

}  // namespace wall
