// The packets between the judge and the zygote, over a SOCK_SEQPACKET socket; kernelevo/sandbox.py is the other end.
//
// The judge sends Start (with two descriptors: request, answer) and may send Kill; the zygote says Ready once, and
// Ended for every Start. The zygote is trusted; only its children meet candidate text.
#pragma once

#include <cstdint>
#include <optional>

namespace wall {

enum class Order : uint32_t { start = 1, kill = 2 };
enum class Errand : uint32_t { compile = 1, run = 2 };

struct OrderPacket {
  uint32_t order, errand;
  uint64_t request_bytes, answer_bytes, memory_bytes, cpu_seconds;
};

enum class Event : uint32_t { ready = 1, ended = 2 };

// For ready: detail is NVRTC's version, major * 1000 + minor (0 without NVRTC). For ended: the wait status, and the
// most resident memory.
struct EventPacket {
  uint32_t event;
  int32_t detail;
  uint64_t resident_bytes;
};

// How a child says why it ended without an answer.
enum class ChildExit : int { answered = 0, protocol = 70, failed = 71, memory = 77, answer_too_large = 78 };

struct ReceivedOrder {
  OrderPacket packet;
  int request = -1, answer = -1;
};

// The next order, or nothing where the judge has gone. Throws ProtocolError for anything that is not one.
std::optional<ReceivedOrder> receive_order(int socket);
void send_event(int socket, const EventPacket &);

}  // namespace wall
