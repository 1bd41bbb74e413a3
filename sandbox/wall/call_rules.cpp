#include "call_rules.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "seccomp_filter.h"

namespace wall {
namespace {

// Calls that are newer than some kernel headers; their numbers are the same on every architecture.
constexpr int kPidfdSendSignal = 424, kIoUringSetup = 425, kIoUringEnter = 426, kIoUringRegister = 427, kOpenTree = 428,
              kMoveMount = 429, kFsopen = 430, kFsconfig = 431, kFsmount = 432, kFspick = 433, kPidfdOpen = 434,
              kClone3 = 435, kPidfdGetfd = 438, kProcessMadvise = 440, kMountSetattr = 442, kMemfdSecret = 447;
constexpr uint32_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr uint32_t kTiocsti = 0x5412, kTioclinux = 0x541C;

void refuse_io_uring(SeccompFilter &filter) {
  filter.refuse({kIoUringSetup, kIoUringEnter, kIoUringRegister}, EPERM);
}

void refuse_network(SeccompFilter &filter) {
  filter.refuse({SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4}, EACCES);
  refuse_io_uring(filter);
}

// What is left open can be listened on, and be connected from inside to nothing.
void refuse_network_but_listening(SeccompFilter &filter) {
  constexpr uint32_t kDatagramBit = SOCK_DGRAM;
  static_assert((SOCK_STREAM & kDatagramBit) == 0 && (SOCK_SEQPACKET & kDatagramBit) == 0);
  filter.refuse_unless_argument(SYS_socket, 0, AF_UNIX, EACCES);
  filter.refuse_if_bits(SYS_socket, 1, kDatagramBit, EACCES);
  filter.refuse_if_bits(SYS_socketpair, 1, kDatagramBit, EACCES);
  filter.refuse({SYS_connect}, EACCES);
  refuse_io_uring(filter);
}

void refuse_administration(SeccompFilter &filter) {
  filter.refuse({SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, kOpenTree, kMoveMount,
                 kFsopen, kFsconfig, kFsmount, kFspick, kMountSetattr},
                EPERM);
  filter.refuse({SYS_bpf,
                 SYS_perf_event_open,
                 SYS_userfaultfd,
                 SYS_keyctl,
                 SYS_add_key,
                 SYS_request_key,
                 SYS_kexec_load,
                 SYS_init_module,
                 SYS_finit_module,
                 SYS_delete_module,
                 SYS_reboot,
                 SYS_swapon,
                 SYS_swapoff,
                 SYS_quotactl,
                 SYS_acct,
                 SYS_settimeofday,
                 SYS_clock_settime,
                 SYS_clock_adjtime,
                 SYS_adjtimex,
                 SYS_sethostname,
                 SYS_setdomainname,
                 SYS_syslog,
                 SYS_personality,
                 SYS_name_to_handle_at,
                 SYS_open_by_handle_at},
                EPERM);
  filter.refuse_if_bits(SYS_clone, 0, kNamespaceFlags, EPERM);
  // clone3 hides its flags behind a pointer; ENOSYS makes the C library use clone.
  filter.refuse({kClone3}, ENOSYS);
  filter.refuse_if_argument(SYS_ioctl, 1, kTiocsti, EPERM);
  filter.refuse_if_argument(SYS_ioctl, 1, kTioclinux, EPERM);
}

void refuse_other_processes(SeccompFilter &filter) {
  filter.refuse({SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, kPidfdGetfd, kPidfdOpen,
                 kPidfdSendSignal, kProcessMadvise, SYS_setpriority, SYS_sched_setscheduler, SYS_sched_setparam,
                 SYS_sched_setattr, SYS_sched_setaffinity, SYS_ioprio_set, SYS_migrate_pages, SYS_move_pages},
                EPERM);
  filter.refuse_unless_argument(SYS_prlimit64, 0, 0, EPERM);
  // The judge kills the process group, so nobody may leave it.
  filter.refuse({SYS_setsid, SYS_setpgid}, EPERM);
  // System V memory and message queues outlive their processes and are under no limit of ours.
  filter.refuse({SYS_shmget, SYS_shmat, SYS_msgget, SYS_semget, SYS_mq_open}, EPERM);
}

void refuse_signals_to_others(SeccompFilter &filter) {
  const uint32_t self = static_cast<uint32_t>(getpid());
  for (int call : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo})
    filter.refuse_unless_argument(call, 0, self, EPERM);
  filter.refuse({SYS_tkill}, EPERM);
}

SeccompFilter jail_filter(Signals signals, void (*network)(SeccompFilter &) = refuse_network) {
  SeccompFilter filter;
  network(filter);
  refuse_administration(filter);
  refuse_other_processes(filter);
  // Memory files are under no memory limit of ours; the frames of an errand are made outside.
  filter.refuse({SYS_memfd_create, kMemfdSecret}, EPERM);
  if (signals == Signals::own_process) refuse_signals_to_others(filter);
  return filter;
}

void allow_computing(SeccompFilter &filter) {
  refuse_signals_to_others(filter);
  // Shared memory is under no limit of the process, so it can be made neither now nor from a file.
  filter.refuse_if_bits(SYS_mmap, 3, MAP_SHARED, EPERM);
  filter.refuse_unless_argument(SYS_prlimit64, 0, 0, EPERM);
  filter.allow({SYS_mmap,
                SYS_munmap,
                SYS_mremap,
                SYS_mprotect,
                SYS_madvise,
                SYS_brk,
                SYS_futex,
                SYS_exit,
                SYS_exit_group,
                SYS_rt_sigaction,
                SYS_rt_sigprocmask,
                SYS_rt_sigreturn,
                SYS_sigaltstack,
                SYS_restart_syscall,
                SYS_kill,
                SYS_tgkill,
                SYS_getpid,
                SYS_gettid,
                SYS_getppid,
                SYS_getuid,
                SYS_geteuid,
                SYS_getgid,
                SYS_getegid,
                SYS_clock_gettime,
                SYS_clock_getres,
                SYS_clock_nanosleep,
                SYS_nanosleep,
                SYS_gettimeofday,
                SYS_times,
                SYS_getrusage,
                SYS_sysinfo,
                SYS_uname,
                SYS_getrandom,
                SYS_sched_yield,
                SYS_sched_getaffinity,
                SYS_prlimit64,
                SYS_getrlimit,
                SYS_set_robust_list,
                SYS_close,
                SYS_write,
                SYS_writev,
                SYS_fstat,
                SYS_lseek});
#if defined(__x86_64__)
  filter.allow({SYS_time, SYS_arch_prctl});
#endif
}

void allow_reading_files(SeccompFilter &filter) {
  constexpr uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
  filter.refuse_if_bits(SYS_openat, 2, kWriting, EACCES);
  filter.allow({SYS_openat, SYS_read, SYS_readv, SYS_pread64, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_readlinkat,
                SYS_getdents64, SYS_getcwd, SYS_dup});
#if defined(__x86_64__)
  filter.refuse_if_bits(SYS_open, 1, kWriting, EACCES);
  filter.allow({SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink});
#endif
}

// Puts the filter in force, with forks and threads handed to the supervisor whose listener it returns.
int supervised(SeccompFilter filter) {
  filter.ask_supervisor({SYS_clone});
#if defined(__x86_64__)
  filter.ask_supervisor({SYS_fork, SYS_vfork});
#endif
  return filter.install_allowing_others();
}

}  // namespace

void restrict_jail(Signals signals) {
  jail_filter(signals).install_allowing_others();
}

int restrict_supervised_jail() {
  return supervised(jail_filter(Signals::own_process));
}

void restrict_driver_alone() {
  jail_filter(Signals::own_process, refuse_network_but_listening).install_allowing_others();
}

int restrict_driver_jail() {
  return supervised(jail_filter(Signals::own_process, refuse_network_but_listening));
}

void restrict_compile_child() {
  SeccompFilter filter;
  allow_computing(filter);
  allow_reading_files(filter);
  filter.install_refusing_others(EPERM);
}

void restrict_script_child() {
  SeccompFilter filter;
  filter.refuse_if_argument(SYS_kill, 1, SIGKILL, EPERM);
  filter.refuse_if_argument(SYS_tgkill, 2, SIGKILL, EPERM);
  allow_computing(filter);
  allow_reading_files(filter);
  filter.install_refusing_others(EPERM);
}

void restrict_run_child() {
  SeccompFilter filter;
  allow_computing(filter);
  filter.install_refusing_others(EPERM);
}

}  // namespace wall
