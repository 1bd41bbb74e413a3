#include "fork_budget.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace wall {
namespace {

// How often to look whether the program has ended while processes that it left behind go on.
constexpr int kLookMilliseconds = 20;

[[noreturn]] void fail(const char *what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct DescriptorMessage {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  DescriptorMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

// The listener, or -1 where the jailed side ended before it sent one.
int receive_listener(int socket) {
  DescriptorMessage message;
  if (recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) <= 0) return -1;
  const cmsghdr *control = CMSG_FIRSTHDR(&message.header);
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return -1;
  int listener = -1;
  std::memcpy(&listener, CMSG_DATA(control), sizeof listener);
  return listener;
}

// Answers one notification; false where its process has gone meanwhile.
bool answer(int listener, uint64_t &budget) {
  seccomp_notif question{};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) return false;
  seccomp_notif_resp response{};
  response.id = question.id;
  if (budget > 0) {
    --budget;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    response.error = -EAGAIN;
  }
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

// Whether `child` has ended; it is left to be waited for.
bool has_ended(pid_t child) {
  siginfo_t end{};
  return waitid(P_PID, static_cast<id_t>(child), &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == child;
}

}  // namespace

ListenerChannel open_listener_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("making the supervisor's channel");
  return {ends[0], ends[1]};
}

void send_listener(const ListenerChannel &channel, int listener) {
  DescriptorMessage message;
  cmsghdr *control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof listener);
  std::memcpy(CMSG_DATA(control), &listener, sizeof listener);
  if (sendmsg(channel.jailed, &message.header, 0) < 0) fail("handing over the listener");
  close(listener);
  close(channel.jailed);
}

void supervise_forks(const ListenerChannel &channel, pid_t child, uint64_t budget) {
  close(channel.jailed);
  const int listener = receive_listener(channel.supervisor);
  if (listener < 0) return;
  pollfd event{listener, POLLIN, 0};
  while (!has_ended(child)) {
    if (poll(&event, 1, kLookMilliseconds) < 0 && errno != EINTR) fail("waiting for forks");
    if (event.revents & POLLIN) {
      answer(listener, budget);
    } else if (event.revents & (POLLHUP | POLLERR)) {
      break;
    }
  }
  close(listener);
}

}  // namespace wall
