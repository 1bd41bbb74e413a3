// kernelevo-worker: the zygote. It is started once inside the jail, loads and warms the compiler, and forks one child
// per errand; the judge learns how each child ended. It is single-threaded and reads nothing that a candidate wrote.
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "child.h"
#include "compile_errand.h"
#include "control.h"
#include "heap_room.h"
#include "wire.h"

namespace wall {
namespace {

constexpr int kControl = 3;

[[noreturn]] void fail(const char *what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int watch_children() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &children, nullptr) != 0) fail("blocking SIGCHLD");
  const int file = signalfd(-1, &children, SFD_CLOEXEC);
  if (file < 0) fail("watching for the ends of children");
  return file;
}

pid_t start_child(const ReceivedOrder &order, const NvrtcApi *nvrtc) {
  if (order.request < 0 || order.answer < 0) throw ProtocolError("a start without its two descriptors");
  const pid_t child = fork();
  if (child < 0) fail("forking a child");
  if (child == 0) be_child(order, nvrtc);
  close(order.request);
  close(order.answer);
  return child;
}

// While a child runs the judge may only ask for its death; where the judge has gone, the child and the zygote go too.
void obey_kill(pid_t child) {
  const auto order = receive_order(kControl);
  if (order && order->packet.order != static_cast<uint32_t>(Order::kill))
    throw ProtocolError("a start while a child runs");
  kill(child, SIGKILL);
  if (!order) _exit(0);
}

EventPacket wait_for(pid_t child, int ends) {
  pollfd events[2] = {{kControl, POLLIN, 0}, {ends, POLLIN, 0}};
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t ended = wait4(child, &status, WNOHANG, &usage);
    if (ended < 0) fail("waiting for a child");
    if (ended == child)
      return {static_cast<uint32_t>(Event::ended), status, static_cast<uint64_t>(usage.ru_maxrss) << 10};
    if (poll(events, 2, -1) < 0 && errno != EINTR) fail("waiting for events");
    if (events[0].revents != 0) obey_kill(child);
    signalfd_siginfo end;
    if (events[1].revents != 0 && read(ends, &end, sizeof end) < 0) fail("reading the end of a child");
  }
}

void serve(const NvrtcApi *nvrtc) {
  const int ends = watch_children();
  while (const auto order = receive_order(kControl)) {
    // A kill that comes after its child's end has nothing left to kill.
    if (order->packet.order == static_cast<uint32_t>(Order::kill)) continue;
    const pid_t child = start_child(*order, nvrtc);
    send_event(kControl, wait_for(child, ends));
  }
}

int nvrtc_version(const NvrtcApi &nvrtc) {
  int major = 0, minor = 0;
  if (nvrtc.version(&major, &minor) != NvrtcApi::kSuccess) throw std::runtime_error("NVRTC does not tell its version");
  return major * 1000 + minor;
}

}  // namespace
}  // namespace wall

int main(int count, char **arguments) {
  try {
    std::unique_ptr<wall::NvrtcApi> nvrtc;
    if (count == 3 && std::string(arguments[1]) == "--nvrtc") {
      nvrtc = std::make_unique<wall::NvrtcApi>(wall::NvrtcApi::load(arguments[2]));
      wall::warm_up(*nvrtc);
    } else if (count != 1) {
      throw std::invalid_argument("usage: kernelevo-worker [--nvrtc LIBRARY], with the control socket as descriptor 3");
    }
    wall::make_heap_room();
    wall::send_event(wall::kControl,
                     {static_cast<uint32_t>(wall::Event::ready), nvrtc ? wall::nvrtc_version(*nvrtc) : 0, 0});
    wall::serve(nvrtc.get());
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "kernelevo-worker: %s\n", error.what());
    return 1;
  }
}
