// kernelevo-jail: builds the wall around one program, and becomes it.
//
// Layers, each as far as the machine offers it: namespaces with a root that holds only what is granted; resource
// limits; no privileges; Landlock; seccomp. Where neither namespaces nor Landlock can isolate files it refuses (exit
// 125) unless --unsafe is given. The program learns the live layers from the environment variable KERNELEVO_WALL.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <system_error>

#include "call_rules.h"
#include "fork_budget.h"
#include "jail_options.h"
#include "namespaces.h"
#include "seccomp_filter.h"

namespace wall {
namespace {

constexpr int kRefused = 125;
constexpr int kControlFile = 3;
constexpr uint64_t kDriverOpenFiles = 4096;  // a context opens a card's device files once for each of its channels

struct Layers {
  bool namespaces;
  int landlock_abi;
};

std::string words(const Layers &layers) {
  std::string text = "rlimits seccomp";
  if (layers.namespaces) text += " namespaces";
  if (layers.landlock_abi > 0) text += " landlock:" + std::to_string(layers.landlock_abi);
  return text;
}

// Whether namespaces work here, found out by a child that enters them and shows itself nothing.
bool namespaces_work() {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    try {
      if (!enter_namespaces()) _exit(1);
      show_only({});
      _exit(0);
    } catch (const std::system_error &) {
      _exit(1);
    }
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int probe() {
  std::printf("{\"landlock_abi\": %d, \"namespaces\": %s, \"seccomp\": %s, \"root\": %s}\n", landlock_abi(),
              namespaces_work() ? "true" : "false", seccomp_available() ? "true" : "false",
              geteuid() == 0 ? "true" : "false");
  return 0;
}

// What every program needs: the C library, and the harmless devices.
void grant_basics(JailOptions &options) {
  for (const char *path : {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/urandom", "/dev/zero"})
    options.grants.readable.emplace_back(path);
  options.grants.readable.push_back(options.command.front());
  options.grants.devices.emplace_back("/dev/null");
}

Layers find_layers(const JailOptions &options) {
  const Layers layers{options.namespaces && namespaces_work(), std::min(options.highest_abi, landlock_abi())};
  if (!layers.namespaces && layers.landlock_abi == 0 && !options.unsafe)
    throw std::runtime_error(
        "this machine offers neither namespaces nor Landlock, so files cannot be kept from the program; "
        "use Linux 5.13 or newer, allow user namespaces, or accept the risk with --unsafe");
  return layers;
}

void keep_only(int file) {
  if (file < 0) return close_files_except(STDERR_FILENO);
  if (file != kControlFile && dup2(file, kControlFile) < 0)
    throw std::system_error(errno, std::generic_category(), "keeping the control descriptor");
  fcntl(kControlFile, F_SETFD, 0);
  close_files_except(kControlFile);
}

[[noreturn]] void become(const JailOptions &options, const Layers &layers) {
  std::vector<std::string> environment = options.environment;
  environment.push_back("KERNELEVO_WALL=" + words(layers));
  const auto pointers = [](const std::vector<std::string> &texts) {
    std::vector<char *> all;
    for (const std::string &text : texts) all.push_back(const_cast<char *>(text.c_str()));
    all.push_back(nullptr);
    return all;
  };
  execve(options.command.front().c_str(), pointers(options.command).data(), pointers(environment).data());
  throw std::system_error(errno, std::generic_category(), "starting " + options.command.front());
}

// Forks; returns in the process that will become the program. The other one stays outside, counts forks and waits.
void leave_supervisor_behind(const JailOptions &options, const ListenerChannel &channel, bool supervised) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "forking");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
  if (!options.zygote) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (supervised) {
    supervise_forks(channel, child, options.forks);
  }
  end_like(child);
}

// Whether forks of the program are counted, as those of every command are; a sandbox such as gVisor cannot.
bool is_supervised(const JailOptions &options) {
  if (options.zygote || supervisors_available()) return !options.zygote;
  if (!options.unsafe)
    throw std::runtime_error(
        "this machine cannot count a program's forks (seccomp without user notification); "
        "use Linux 5.5 or newer, or accept the risk with --unsafe");
  return false;
}

void restrict_calls(const JailOptions &options, bool supervised, const ListenerChannel &channel) {
  if (supervised) return send_listener(channel, options.driver ? restrict_driver_jail() : restrict_supervised_jail());
  if (options.driver) return restrict_driver_alone();
  restrict_jail(options.zygote ? Signals::children_too : Signals::own_process);
}

[[noreturn]] void build_wall(JailOptions options) {
  grant_basics(options);
  if (options.zygote) options.limits.stack_bytes = kCompilerStackBytes;
  if (options.driver) options.limits.open_files = kDriverOpenFiles;
  const Layers layers = find_layers(options);
  const bool supervised = is_supervised(options);
  const ListenerChannel channel = open_listener_channel();
  if (layers.namespaces && !enter_namespaces()) throw std::runtime_error("the namespaces that were there are gone");
  if (layers.namespaces || supervised) leave_supervisor_behind(options, channel, supervised);
  if (layers.namespaces) show_only(options.grants);
  if (chdir(options.folder.c_str()) != 0)
    throw std::system_error(errno, std::generic_category(), "entering " + options.folder);
  drop_privileges();
  if (layers.landlock_abi > 0) restrict_files(options.grants, layers.landlock_abi);
  restrict_calls(options, supervised, channel);
  keep_only(options.keep_file);
  set_limits(options.limits);
  become(options, layers);
}

}  // namespace
}  // namespace wall

int main(int count, char **arguments) {
  try {
    const wall::JailOptions options = wall::read_options(count, arguments);
    if (options.probe) return wall::probe();
    wall::build_wall(options);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "kernelevo-jail: %s\n", error.what());
    return wall::kRefused;
  }
}
