#include "seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace wall {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the wall knows the system calls of x86-64 and AArch64 only"
#endif
constexpr uint32_t kX32Bit = 0x40000000;

uint32_t error_verdict(int error) {
  return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(error) & SECCOMP_RET_DATA);
}

}  // namespace

SeccompFilter::SeccompFilter() {
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  emit(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
  emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  load_call_number();
#if defined(__x86_64__)
  emit(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1);
  emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
#endif
}

void SeccompFilter::emit(uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
  program_.push_back({code, if_true, if_false, value});
}

void SeccompFilter::load_call_number() {
  emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
}

void SeccompFilter::load_argument(unsigned index) {
  // The low half comes first on the little-endian machines we build for.
  emit(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t)));
}

void SeccompFilter::rule(std::initializer_list<int> calls, uint32_t verdict) {
  for (int call : calls) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1);
    emit(BPF_RET | BPF_K, verdict);
  }
}

void SeccompFilter::allow(std::initializer_list<int> calls) {
  rule(calls, SECCOMP_RET_ALLOW);
}

void SeccompFilter::refuse(std::initializer_list<int> calls, int error) {
  rule(calls, error_verdict(error));
}

void SeccompFilter::ask_supervisor(std::initializer_list<int> calls) {
  supervised_ = true;
  rule(calls, SECCOMP_RET_USER_NOTIF);
}

// `test` judges the loaded argument; where it is true the call is refused.
void SeccompFilter::refuse_by_argument(int call, unsigned index, sock_filter test, int error) {
  emit(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 4);
  load_argument(index);
  program_.push_back(test);
  emit(BPF_RET | BPF_K, error_verdict(error));
  load_call_number();
}

void SeccompFilter::refuse_unless_argument(int call, unsigned index, uint32_t value, int error) {
  refuse_by_argument(call, index, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), error);
}

void SeccompFilter::refuse_if_argument(int call, unsigned index, uint32_t value, int error) {
  refuse_by_argument(call, index, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), error);
}

void SeccompFilter::refuse_if_bits(int call, unsigned index, uint32_t mask, int error) {
  refuse_by_argument(call, index, BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1), error);
}

int SeccompFilter::install_allowing_others() {
  emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return install();
}

int SeccompFilter::install_refusing_others(int error) {
  emit(BPF_RET | BPF_K, error_verdict(error));
  return install();
}

int SeccompFilter::install() {
  sock_fprog program{static_cast<unsigned short>(program_.size()), program_.data()};
  const unsigned flags = supervised_ ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (result < 0) throw std::system_error(errno, std::generic_category(), "installing the seccomp filter");
  return static_cast<int>(result);
}

bool supervisors_available() {
  seccomp_notif_sizes sizes{};
  return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0;
}

bool seccomp_available() {
  const uint32_t action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace wall
