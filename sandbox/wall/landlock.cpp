#include "landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace wall {
namespace {

// The numbers are spelled out because kernel headers may be older than the kernel.
constexpr int kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr unsigned kVersionFlag = 1;
constexpr int kPathBeneath = 1;
constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadFolder = 1 << 3,
                   kMakeCharDevice = 1 << 6, kMakeBlockDevice = 1 << 11, kFilesOfAbi1 = (1 << 13) - 1, kRefer = 1 << 13,
                   kTruncate = 1 << 14, kDeviceIoctl = 1 << 15;
constexpr uint64_t kTcpBindAndConnect = 3, kAbstractSocketsAndSignals = 3;

struct Ruleset {
  uint64_t files, network, scoped;
};
struct __attribute__((packed)) PathRule {
  uint64_t access;
  int32_t folder;
};

[[noreturn]] void fail(const std::string &what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Ruleset governed_by(int abi) {
  Ruleset rules{kFilesOfAbi1, 0, 0};
  if (abi >= 2) rules.files |= kRefer;
  if (abi >= 3) rules.files |= kTruncate;
  if (abi >= 4) rules.network = kTcpBindAndConnect;
  if (abi >= 5) rules.files |= kDeviceIoctl;
  if (abi >= 6) rules.scoped = kAbstractSocketsAndSignals;
  return rules;
}

// Kernels refuse attributes that they do not know, so an older ABI gets a shorter struct.
size_t attribute_bytes(int abi) {
  return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

void grant(int ruleset, const std::string &path, uint64_t access) {
  const int file = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return;
  if (file < 0) fail("opening " + path);
  struct stat status{};
  if (fstat(file, &status) != 0) fail("looking at " + path);
  constexpr uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceIoctl;
  const PathRule rule{S_ISDIR(status.st_mode) ? access : access & kForFiles, file};
  if (syscall(kAddRule, ruleset, kPathBeneath, &rule, 0) != 0) fail("granting " + path);
  close(file);
}

}  // namespace

int landlock_abi() {
  const long abi = syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

void restrict_files(const Grants &grants, int abi) {
  const Ruleset rules = governed_by(abi);
  const int ruleset = static_cast<int>(syscall(kCreateRuleset, &rules, attribute_bytes(abi), 0));
  if (ruleset < 0) fail("making the Landlock ruleset");
  for (const std::string &path : grants.readable) grant(ruleset, path, kExecute | kReadFile | kReadFolder);
  for (const std::string &path : grants.devices) grant(ruleset, path, kReadFile | kWriteFile);
  const uint64_t control = rules.files & kDeviceIoctl;
  for (const std::string &path : grants.controlled)
    grant(ruleset, path, kReadFile | kWriteFile | kReadFolder | control);
  const uint64_t all_but_devices = rules.files & ~(kMakeCharDevice | kMakeBlockDevice | kDeviceIoctl);
  for (const std::string &path : grants.writable) grant(ruleset, path, all_but_devices);
  if (syscall(kRestrictSelf, ruleset, 0) != 0) fail("putting the Landlock ruleset in force");
  close(ruleset);
}

}  // namespace wall
