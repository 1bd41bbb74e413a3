// What a hostile program would try. `attacks [--as-child compile|run] NAME ARGUMENT` tries one attack and exits 0 if
// it worked, 1 if it was refused (with the reason on standard error). test_attacks.py runs each one with and without
// the wall.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "call_rules.h"

namespace {

constexpr int kIoUringSetup = 425;
constexpr size_t kPage = 4096;

bool connect_tcp(const std::string &port) {
  const int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket_ >= 0 && connect(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
}

bool send_udp(const std::string &port) {
  const int socket_ = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket_ >= 0 && sendto(socket_, "x", 1, 0, reinterpret_cast<sockaddr *>(&address), sizeof address) == 1;
}

// An abstract socket, which no file stands for.
bool listen_unix(const std::string &name) {
  const int socket_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, name.c_str(), sizeof address.sun_path - 2);
  return socket_ >= 0 && bind(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0 &&
         listen(socket_, 1) == 0;
}

bool send_unix_datagram(const std::string &) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0 && send(ends[0], "x", 1, 0) == 1;
}

// A device without this request says so; a wall refuses to ask it.
bool control_device(const std::string &path) {
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  char answer[64] = {};
  return file >= 0 && (ioctl(file, TCGETS, answer) == 0 || errno == ENOTTY);
}

bool connect_unix(const std::string &path) {
  const int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return socket_ >= 0 && connect(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
}

bool set_up_io_uring(const std::string &) {
  char parameters[120] = {};
  return syscall(kIoUringSetup, 4, parameters) >= 0;
}

bool read_file(const std::string &path) {
  char byte = 0;
  const int file = open(path.c_str(), O_RDONLY);
  return file >= 0 && read(file, &byte, 1) == 1;
}

bool list_folder(const std::string &path) {
  char entries[1024];
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY);
  return folder >= 0 && syscall(SYS_getdents64, folder, entries, sizeof entries) > 0;
}

bool write_file(const std::string &path) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  return file >= 0 && write(file, "x", 1) == 1;
}

bool fill_file(const std::string &path) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  const std::string block(1 << 20, 'x');
  signal(SIGXFSZ, SIG_IGN);
  for (int i = 0; i < 8; ++i)
    if (file < 0 || write(file, block.data(), block.size()) != static_cast<ssize_t>(block.size())) return false;
  return true;
}

bool signal_process(const std::string &pid) { return kill(std::stoi(pid), 0) == 0; }

bool trace_process(const std::string &pid) { return ptrace(PTRACE_SEIZE, std::stoi(pid), nullptr, nullptr) == 0; }

// Forks, each child waiting for the end of its parent; true if all of them could be made.
bool fork_bomb(const std::string &count) {
  for (int i = 0; i < std::stoi(count); ++i) {
    const pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
      sleep(3);
      _exit(0);
    }
  }
  return true;
}

void *wait_in_thread(void *) {
  sleep(3);
  return nullptr;
}

bool start_threads(const std::string &count) {
  pthread_t thread;
  for (int i = 0; i < std::stoi(count); ++i)
    if ((errno = pthread_create(&thread, nullptr, wait_in_thread, nullptr)) != 0) return false;
  return true;
}

bool touch_memory(int flags, const std::string &mebibytes) {
  const size_t bytes = static_cast<size_t>(std::stoi(mebibytes)) << 20;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  for (size_t at = 0; at < bytes; at += kPage) static_cast<volatile char *>(memory)[at] = 1;
  return true;
}

bool touch_private_memory(const std::string &mebibytes) { return touch_memory(MAP_PRIVATE, mebibytes); }
bool touch_shared_memory(const std::string &mebibytes) { return touch_memory(MAP_SHARED, mebibytes); }

bool make_memory_file(const std::string &) { return syscall(SYS_memfd_create, "x", 0) >= 0; }

bool burn_processor(const std::string &seconds) {
  const clock_t end = static_cast<clock_t>(std::stod(seconds) * CLOCKS_PER_SEC);
  while (clock() < end) continue;
  return true;
}

bool sleep_long(const std::string &seconds) { return sleep(static_cast<unsigned>(std::stoi(seconds))) == 0; }

bool use_inherited_files(const std::string &) {
  for (int file = 3; file < 256; ++file)
    if (fcntl(file, F_GETFD) >= 0) return true;
  return false;
}

bool read_environment(const std::string &name) { return std::getenv(name.c_str()) != nullptr; }

bool enter_user_namespace(const std::string &) { return unshare(CLONE_NEWUSER) == 0; }

bool mount_file_system(const std::string &path) {
  return mount("x", path.c_str(), "tmpfs", 0, nullptr) == 0 && umount(path.c_str()) == 0;
}

bool hold_capabilities(const std::string &) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[2] = {};
  return syscall(SYS_capget, &header, held) == 0 && (held[0].effective | held[0].permitted | held[1].effective) != 0;
}

// Leaves the process group, so that a kill of the group would miss it.
bool escape_group(const std::string &) {
  const pid_t child = fork();
  if (child == 0) _exit(setsid() >= 0 || setpgid(0, 0) == 0 ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

bool add_key(const std::string &) { return syscall(SYS_add_key, "user", "attack", "x", 1, -2) >= 0; }

bool run_program(const std::string &path) {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    execl(path.c_str(), path.c_str(), nullptr);
    _exit(1);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

bool raise_limit(const std::string &) {
  const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
  rlimit now{};
  return getrlimit(RLIMIT_FSIZE, &now) == 0 && setrlimit(RLIMIT_FSIZE, &more) == 0;
}

const std::map<std::string, std::function<bool(const std::string &)>> kAttacks = {
    {"tcp", connect_tcp},
    {"udp", send_udp},
    {"unix", connect_unix},
    {"io_uring", set_up_io_uring},
    {"listen", listen_unix},
    {"datagram", send_unix_datagram},
    {"control", control_device},
    {"read", read_file},
    {"list", list_folder},
    {"write", write_file},
    {"fill", fill_file},
    {"signal", signal_process},
    {"ptrace", trace_process},
    {"fork", fork_bomb},
    {"threads", start_threads},
    {"memory", touch_private_memory},
    {"shared", touch_shared_memory},
    {"memfd", make_memory_file},
    {"cpu", burn_processor},
    {"sleep", sleep_long},
    {"descriptors", use_inherited_files},
    {"environment", read_environment},
    {"unshare", enter_user_namespace},
    {"mount", mount_file_system},
    {"capabilities", hold_capabilities},
    {"escape", escape_group},
    {"key", add_key},
    {"exec", run_program},
    {"limit", raise_limit},
};

}  // namespace

int main(int count, char **words) {
  int at = 1;
  if (count > 3 && std::string(words[1]) == "--as-child") {
    at = 3;
    if (std::string(words[2]) == "compile") wall::restrict_compile_child();
    else wall::restrict_run_child();
  }
  const auto attack = at < count ? kAttacks.find(words[at]) : kAttacks.end();
  if (attack == kAttacks.end()) return 2;
  errno = 0;
  if (attack->second(at + 1 < count ? words[at + 1] : "")) return 0;
  std::fprintf(stderr, "refused: %s\n", std::strerror(errno));
  return 1;
}
