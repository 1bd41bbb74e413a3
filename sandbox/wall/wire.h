// How requests and answers are laid out in shared memory; kernelevo/wire is the other end.
//
// Everything is little-endian and length-prefixed. A frame is: FrameHeader, then blobs, a table of their places and a
// head. Requests come from the trusted side: a malformed one is a defect of ours and throws ProtocolError. Answers
// are written by untrusted processes: the Python end checks every length.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wall {

class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr uint64_t kFrameMagic = 0x314c4c41574f5645;  // "EVOWALL1"
constexpr uint64_t kBlobAlignment = 64;

struct FrameHeader {
  uint64_t magic, head_offset, head_bytes, table_offset, blob_count;
};
struct Place {
  uint64_t offset, bytes;
};

// Reads the values of a head in the order in which they were written.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  uint32_t u32() { return scalar<uint32_t>(); }
  uint64_t u64() { return scalar<uint64_t>(); }
  double f64() { return scalar<double>(); }
  bool flag() { return u32() != 0; }
  std::string text() { return std::string(take(u64())); }
  std::vector<std::string> texts() {
    std::vector<std::string> all(u32());
    for (std::string &one : all) one = text();
    return all;
  }

 private:
  template <class T>
  T scalar() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view take(uint64_t bytes) {
    if (bytes > rest_.size()) throw ProtocolError("the request's head ends too early");
    std::string_view part = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return part;
  }
  std::string_view rest_;
};

// Writes the values of a head.
class Writer {
 public:
  void u32(uint32_t value) { scalar(value); }
  void u64(uint64_t value) { scalar(value); }
  void text(std::string_view value) {
    u64(value.size());
    bytes_.append(value);
  }
  const std::string &bytes() const { return bytes_; }

 private:
  template <class T>
  void scalar(T value) {
    bytes_.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  std::string bytes_;
};

}  // namespace wall
