#include "namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace wall {
namespace {

constexpr int kEverything = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS;
constexpr const char *kBase = "/tmp";  // any folder that exists everywhere; the new root is mounted there for a moment
constexpr const char *kOldRoot = "/.outside";

// A granted path: its name, the file or folder it leads to, and the symbolic links that are met on the way.
using Links = std::vector<std::pair<std::string, std::string>>;
struct Item {
  std::string real;
  bool writable;
  Links links;
};

[[noreturn]] void fail(const std::string &what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_file(const char *path, const std::string &content) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) fail(std::string("opening ") + path);
  const ssize_t written = write(file, content.data(), content.size());
  if (written != static_cast<ssize_t>(content.size())) fail(std::string("writing ") + path);
  close(file);
}

// Maps the caller's own ids to themselves: no privilege is needed for that, and none is gained over files.
void map_own_ids(uid_t user, gid_t group) {
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1");
  write_file("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1");
}

void make_folders(const std::string &path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) fail("making " + path.substr(0, slash));
}

// A mount made without privileges must keep the flags that its source has.
unsigned long kept_flags(const std::string &path) {
  struct statvfs status{};
  if (statvfs(path.c_str(), &status) != 0) fail("looking at the file system of " + path);
  unsigned long flags = 0;
  if (status.f_flag & ST_NOSUID) flags |= MS_NOSUID;
  if (status.f_flag & ST_NODEV) flags |= MS_NODEV;
  if (status.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
  if (status.f_flag & ST_NOATIME) flags |= MS_NOATIME;
  if (status.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
  if (status.f_flag & ST_RELATIME) flags |= MS_RELATIME;
  return flags;
}

void make_target(const std::string &path, bool folder) {
  make_folders(path);
  if (folder) {
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) fail("making " + path);
    return;
  }
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (file < 0) fail("making " + path);
  close(file);
}

void repeat(const Links &links) {
  for (const auto &[name, target] : links) {
    struct stat status{};
    if (lstat(name.c_str(), &status) == 0) continue;
    make_folders(name);
    if (symlink(target.c_str(), name.c_str()) != 0) fail("linking " + name);
  }
}

void bind(const Item &item) {
  const std::string source = kOldRoot + item.real;
  struct stat status{};
  if (stat(source.c_str(), &status) != 0) fail("looking at " + item.real);
  struct stat shown{};
  const bool there = stat(item.real.c_str(), &shown) == 0;
  // It may have come with a folder that was granted before.
  const bool same = there && shown.st_dev == status.st_dev && shown.st_ino == status.st_ino;
  if (same && !item.writable) return repeat(item.links);
  if (!there) make_target(item.real, S_ISDIR(status.st_mode));
  if (mount(source.c_str(), item.real.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) fail("binding " + item.real);
  const unsigned long flags = MS_BIND | MS_REMOUNT | kept_flags(item.real) | (item.writable ? 0 : MS_RDONLY);
  if (mount(nullptr, item.real.c_str(), nullptr, flags, nullptr) != 0) fail("restricting " + item.real);
  repeat(item.links);
}

// The first component of `path` that is a symbolic link, with its target; nothing where there is none.
std::optional<std::pair<std::string, std::string>> first_link(const std::string &path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    char target[4096];
    const ssize_t length = readlink(prefix.c_str(), target, sizeof target);
    if (length > 0) return std::make_pair(prefix, std::string(target, static_cast<size_t>(length)));
    if (slash == std::string::npos) return std::nullopt;
  }
}

// Resolves `path` as it is outside; nothing where it does not exist.
std::optional<Item> resolve(std::string path, bool writable) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  if (!real && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return std::nullopt;
  if (!real) fail("resolving " + path);
  Item item{real.get(), writable, {}};
  while (const auto link = first_link(path)) {
    item.links.push_back(*link);
    const std::string rest = path.substr(link->first.size());
    const bool absolute = link->second.front() == '/';
    path = (absolute ? "" : link->first.substr(0, link->first.rfind('/') + 1)) + link->second + rest;
  }
  return item;
}

std::vector<Item> resolve_all(const Grants &grants) {
  std::vector<Item> items;
  const auto add = [&](const std::vector<std::string> &paths, bool writable) {
    for (const std::string &path : paths)
      if (std::optional<Item> item = resolve(path, writable)) items.push_back(std::move(*item));
  };
  add(grants.readable, false);
  add(grants.devices, true);
  add(grants.controlled, true);
  add(grants.writable, true);
  return items;
}

// Mounts an empty root at kBase and makes it the root; the old one is then found under kOldRoot.
void enter_empty_root() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("making the mounts private");
  if (mount("tmpfs", kBase, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0) fail("mounting an empty root");
  const std::string old_root = std::string(kBase) + kOldRoot;
  if (mkdir(old_root.c_str(), 0755) != 0) fail("making a place for the old root");
  if (syscall(SYS_pivot_root, kBase, old_root.c_str()) != 0 || chdir("/") != 0) fail("changing the root");
}

void close_root() {
  if (umount2(kOldRoot, MNT_DETACH) != 0 || rmdir(kOldRoot) != 0) fail("detaching the old root");
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) != 0)
    fail("closing the new root");
}

}  // namespace

bool enter_namespaces() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWUSER | kEverything) == 0) {
    map_own_ids(user, group);
    return true;
  }
  // Root may be allowed the other namespaces where user namespaces are forbidden.
  return user == 0 && unshare(kEverything) == 0;
}

void end_like(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) _exit(125);
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
}

void show_only(const Grants &grants) {
  const std::vector<Item> items = resolve_all(grants);
  enter_empty_root();
  for (const Item &item : items) bind(item);
  close_root();
}

}  // namespace wall
