// Seccomp filters, assembled from rules by system call. https://docs.kernel.org/userspace-api/seccomp_filter.html
//
// A filter judges numbers only: paths are Landlock's and the mount namespace's business.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace wall {

class SeccompFilter {
 public:
  // Starts with the checks every filter needs: a foreign architecture or the x32 table kills the process.
  SeccompFilter();

  // Each rule ends the judgement of its calls; calls without a rule go on to the next one.
  void allow(std::initializer_list<int> calls);
  void refuse(std::initializer_list<int> calls, int error);
  // Refuses unless argument `index` (its low 32 bits) equals `value`, and otherwise goes on.
  void refuse_unless_argument(int call, unsigned index, uint32_t value, int error);
  // Refuses if argument `index` (its low 32 bits) equals `value`, and otherwise goes on.
  void refuse_if_argument(int call, unsigned index, uint32_t value, int error);
  // Refuses if any bit of `mask` is set in the low 32 bits of argument `index`, and otherwise goes on.
  void refuse_if_bits(int call, unsigned index, uint32_t mask, int error);
  // Hands each of the calls to a supervisor (SECCOMP_RET_USER_NOTIF).
  void ask_supervisor(std::initializer_list<int> calls);

  // Ends the filter with a verdict on every other call and puts it in force for this thread and its children; for a
  // filter with a supervisor, returns the listener. Throws std::system_error.
  int install_allowing_others();
  int install_refusing_others(int error);

 private:
  void emit(uint16_t code, uint32_t value, uint8_t if_true = 0, uint8_t if_false = 0);
  void rule(std::initializer_list<int> calls, uint32_t verdict);
  void refuse_by_argument(int call, unsigned index, sock_filter test, int error);
  void load_call_number();
  void load_argument(unsigned index);
  int install();
  std::vector<sock_filter> program_;
  bool supervised_ = false;
};

// Whether this kernel knows seccomp filters, and whether these can have a supervisor.
bool seccomp_available();
bool supervisors_available();

}  // namespace wall
