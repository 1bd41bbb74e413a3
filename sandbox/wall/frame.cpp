#include "frame.h"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace wall {
namespace {

uint8_t *map(int fd, uint64_t bytes, int protection, int flags) {
  void *memory = mmap(nullptr, bytes, protection, flags, fd, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping a frame");
  return static_cast<uint8_t *>(memory);
}

std::string_view part(std::string_view memory, uint64_t offset, uint64_t bytes) {
  if (offset > memory.size() || bytes > memory.size() - offset) throw ProtocolError("a part lies outside the request");
  return memory.substr(offset, bytes);
}

}  // namespace

Request::Request(int fd, uint64_t bytes) {
  // Private, because a shared mapping of a memfd sealed against writing is refused before Linux 6.7.
  memory_ = {reinterpret_cast<const char *>(map(fd, bytes, PROT_READ, MAP_PRIVATE)), bytes};
  FrameHeader header;
  std::memcpy(&header, part(memory_, 0, sizeof header).data(), sizeof header);
  if (header.magic != kFrameMagic) throw ProtocolError("the request does not begin with the frame's magic number");
  head_ = part(memory_, header.head_offset, header.head_bytes);
  if (header.blob_count > memory_.size()) throw ProtocolError("the request names more blobs than it has bytes");
  places_.resize(header.blob_count);
  const uint64_t table_bytes = places_.size() * sizeof(Place);
  const std::string_view table = part(memory_, header.table_offset, table_bytes);
  if (table_bytes != 0) std::memcpy(places_.data(), table.data(), table_bytes);
}

std::string_view Request::blob(uint64_t index) const {
  if (index >= places_.size()) throw ProtocolError("the request's head names a blob that is not there");
  return part(memory_, places_[index].offset, places_[index].bytes);
}

Answer::Answer(int fd, uint64_t bytes) : memory_(map(fd, bytes, PROT_READ | PROT_WRITE, MAP_SHARED)), bytes_(bytes) {
  if (bytes < sizeof(FrameHeader)) throw ProtocolError("the answer has no room for a header");
}

uint64_t Answer::claim(uint64_t bytes) {
  const uint64_t start = (used_ + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment;
  if (start > bytes_ || bytes > bytes_ - start) throw AnswerTooLarge();
  used_ = start + bytes;
  return start;
}

uint8_t *Answer::blob(uint64_t bytes) {
  const uint64_t start = claim(bytes);
  places_.push_back({start, bytes});
  return memory_ + start;
}

void Answer::blob(std::string_view content) {
  uint8_t *space = blob(content.size());
  if (!content.empty()) std::memcpy(space, content.data(), content.size());
}

void Answer::finish(std::string_view head) {
  FrameHeader header{kFrameMagic, 0, head.size(), 0, places_.size()};
  header.table_offset = claim(places_.size() * sizeof(Place));
  if (!places_.empty()) std::memcpy(memory_ + header.table_offset, places_.data(), places_.size() * sizeof(Place));
  header.head_offset = claim(head.size());
  if (!head.empty()) std::memcpy(memory_ + header.head_offset, head.data(), head.size());
  std::memcpy(memory_, &header, sizeof header);
}

}  // namespace wall
