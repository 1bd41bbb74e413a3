// The virtual GPU's C interface: the library that kernelevo/virtual_library.py loads. It is machine.h, call for call,
// with handles for objects, status codes for exceptions and JSON for reports (report_json.h).
//
// A function that can fail returns a vgpu_status and takes `char **text`: on failure it is set to a sentence (for
// VGPU_BAD_PTX to a JSON list of diagnostics), on success of the two functions that answer with text to that text. Free
// it with vgpu_free_text. `text` is never null. Handles are not thread-safe; different handles are independent.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define VGPU_API __declspec(dllexport)
#else
#define VGPU_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vgpu_module vgpu_module;
typedef struct vgpu_machine vgpu_machine;

typedef enum {
  VGPU_OK = 0,
  VGPU_BAD_PTX = 1,         // the text is not PTX: a JSON list of diagnostics
  VGPU_BAD_CALL = 2,        // the caller's mistake: an unknown kernel, a parameter block of the wrong size, a bad range
  VGPU_OUT_OF_MEMORY = 3,   // beyond vgpu_limits.memory_bytes, or the host's memory
  VGPU_DEFECT = 4           // a defect of the virtual GPU
} vgpu_status;

typedef struct {
  uint32_t threads_per_block, shared_bytes_per_block, sms;
  uint64_t memory_bytes;
} vgpu_limits;

// Latencies in cycles and sizes in bytes: vgpu::Timing.
typedef struct {
  uint32_t alu, fp64, special, shared, l1_hit, l2_hit, dram, atomic, shuffle, barrier, constant, matrix;
  uint64_t l1_bytes, l2_bytes;
} vgpu_timing;

typedef struct {
  const char *kernel;
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared_bytes;
  uint32_t cooperative;             // 0 or 1
  const uint8_t *params;
  size_t param_bytes;
} vgpu_launch;

// Flags are 0 or 1: vgpu::Options. A null `timing` takes the defaults of machine.h.
typedef struct {
  uint32_t counters, lines, caches, scoreboard, track_uninitialised, check_races, plain;
  uint32_t max_faults;              // at least 1
  uint32_t threads;                 // of the host, at least 1
  uint64_t order;                   // seed of another order of blocks and warps, or 0
  uint32_t sample_blocks, sample_only;
  uint64_t sample_seed;
  const vgpu_timing *timing;
} vgpu_options;

VGPU_API void vgpu_free_text(char *text);

VGPU_API vgpu_status vgpu_module_load(const char *ptx, size_t bytes, vgpu_module **module, char **text);
VGPU_API void vgpu_module_free(vgpu_module *);
VGPU_API vgpu_status vgpu_module_kernels(const vgpu_module *, char **text);   // JSON list of KernelInfo
VGPU_API vgpu_status vgpu_module_target(const vgpu_module *, char **text);    // "sm_80"

// JSON list of the instructions that the module's kernels reach, each with the row of the table that executes it.
VGPU_API vgpu_status vgpu_module_instructions(const vgpu_module *, char **text);
VGPU_API vgpu_status vgpu_forms(char **text);                            // JSON list: the table of instruction forms

VGPU_API vgpu_limits vgpu_default_limits(void);
VGPU_API vgpu_timing vgpu_default_timing(void);

VGPU_API vgpu_status vgpu_machine_create(const vgpu_module *, const vgpu_limits *, vgpu_machine **, char **text);
VGPU_API void vgpu_machine_free(vgpu_machine *);
VGPU_API vgpu_status vgpu_machine_allocate(vgpu_machine *, const char *name, uint64_t bytes, uint32_t skew,
                                           uint64_t *address, char **text);
VGPU_API vgpu_status vgpu_machine_write(vgpu_machine *, uint64_t address, const void *data, uint64_t bytes,
                                        char **text);
VGPU_API vgpu_status vgpu_machine_read(const vgpu_machine *, uint64_t address, void *data, uint64_t bytes,
                                       char **text);
VGPU_API vgpu_status vgpu_machine_poison(vgpu_machine *, uint64_t address, uint64_t bytes, char **text);
VGPU_API vgpu_status vgpu_machine_set_poison(vgpu_machine *, uint32_t pattern, char **text);
VGPU_API vgpu_status vgpu_machine_first_uninitialised(const vgpu_machine *, uint64_t address, uint64_t bytes,
                                                      int64_t *offset, char **text);
// Answers with the JSON of the LaunchReport; a fault of the program is in there and the status is VGPU_OK.
VGPU_API vgpu_status vgpu_machine_launch(vgpu_machine *, const vgpu_launch *, const vgpu_options *,
                                         uint64_t budget_warp_instructions, char **text);

#ifdef __cplusplus
}
#endif
