#include "child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>

#include "call_rules.h"
#include "compile_errand.h"
#include "frame.h"
#include "heap_room.h"
#include "resource_limits.h"
#include "run_errand.h"

namespace wall {
namespace {

// The zygote's own mappings (the compiler's library, its heap and the room in that) count towards the child's limit, so
// they are allowed for.
constexpr uint64_t kInheritedBytes = (uint64_t(32) << 20) + kHeapRoom;

void lock_in(const OrderPacket &order) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGCHLD, SIG_DFL);
  close_files_except(STDERR_FILENO);
  Limits limits;
  limits.data_bytes = order.memory_bytes + kInheritedBytes;
  limits.cpu_seconds = order.cpu_seconds;
  limits.open_files = 64;
  limits.stack_bytes = kCompilerStackBytes;
  set_limits(limits);
  if (static_cast<Errand>(order.errand) == Errand::compile)
    restrict_compile_child();
  else
    restrict_run_child();
}

void do_errand(const OrderPacket &order, const NvrtcApi *nvrtc, const Request &request, Answer &answer) {
  switch (static_cast<Errand>(order.errand)) {
    case Errand::compile:
      if (nvrtc == nullptr) throw ProtocolError("this worker was started without a compiler");
      return answer_compile(*nvrtc, request, answer);
    case Errand::run:
      return answer_run(request, answer);
  }
  throw ProtocolError("there is no such errand");
}

ChildExit run(const ReceivedOrder &order, const NvrtcApi *nvrtc) {
  try {
    // The frames are mapped first: afterwards no shared memory can be mapped any more.
    const Request request(order.request, order.packet.request_bytes);
    Answer answer(order.answer, order.packet.answer_bytes);
    lock_in(order.packet);
    do_errand(order.packet, nvrtc, request, answer);
    return ChildExit::answered;
  } catch (const std::bad_alloc &) {
    return ChildExit::memory;
  } catch (const AnswerTooLarge &) {
    return ChildExit::answer_too_large;
  } catch (const ProtocolError &error) {
    std::fprintf(stderr, "kernelevo-worker: %s\n", error.what());
    return ChildExit::protocol;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "kernelevo-worker: %s\n", error.what());
    return ChildExit::failed;
  }
}

}  // namespace

void be_child(const ReceivedOrder &order, const NvrtcApi *nvrtc) {
  _exit(static_cast<int>(run(order, nvrtc)));
}

}  // namespace wall
