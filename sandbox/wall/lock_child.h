// libkernelevo_lock.so: how a child of a zygote that is no C++ program locks itself in, before it reads what a
// candidate wrote. kernelevo/jailed/triton_zygote.py calls it.
#pragma once

#include <cstdint>

extern "C" {

// Closes every file but standard error, lowers the limits to `data_bytes` of private memory and `cpu_seconds`, and
// takes on the system-call filter for a process in which a candidate's own code runs. 0 on success; otherwise it has
// said why on standard error, and the caller must end.
int kernelevo_lock_child(uint64_t data_bytes, uint64_t cpu_seconds);
}
