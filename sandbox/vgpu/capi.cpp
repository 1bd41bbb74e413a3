// See capi.h. No exception crosses this file's functions: guarded() turns each into a status and a sentence.
#include "capi.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "machine.h"
#include "forms.h"
#include "report_json.h"

struct vgpu_module {
  std::shared_ptr<const vgpu::Module> module;
};

struct vgpu_machine {
  vgpu::Machine machine;
};

namespace {

// Null when even this little memory is not there; the caller then has the status alone.
char *copy_text(std::string_view text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

template <class Body>
vgpu_status guarded(char **text, Body body) {
  *text = nullptr;
  try {
    return body();
  } catch (const std::invalid_argument &error) {
    *text = copy_text(error.what());
    return VGPU_BAD_CALL;
  } catch (const std::bad_alloc &) {
    *text = copy_text("the allocation exceeds the memory of the virtual device or of this machine");
    return VGPU_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    *text = copy_text(std::string("defect of the virtual GPU: ") + error.what());
    return VGPU_DEFECT;
  } catch (...) {
    *text = copy_text("defect of the virtual GPU: an exception of an unknown type");
    return VGPU_DEFECT;
  }
}

vgpu_status answer(char **text, const std::string &value) {
  *text = copy_text(value);
  return *text ? VGPU_OK : VGPU_OUT_OF_MEMORY;
}

vgpu::Limits limits_from(const vgpu_limits &from) {
  vgpu::Limits limits;
  limits.threads_per_block = from.threads_per_block;
  limits.shared_bytes_per_block = from.shared_bytes_per_block;
  limits.sms = from.sms;
  limits.memory_bytes = from.memory_bytes;
  return limits;
}

vgpu::Timing timing_from(const vgpu_timing &from) {
  vgpu::Timing timing;
  timing.alu = from.alu, timing.fp64 = from.fp64, timing.special = from.special, timing.shared = from.shared;
  timing.l1_hit = from.l1_hit, timing.l2_hit = from.l2_hit, timing.dram = from.dram, timing.atomic = from.atomic;
  timing.shuffle = from.shuffle, timing.barrier = from.barrier, timing.constant = from.constant;
  timing.matrix = from.matrix, timing.l1_bytes = from.l1_bytes, timing.l2_bytes = from.l2_bytes;
  return timing;
}

vgpu::Options options_from(const vgpu_options &from) {
  vgpu::Options options;
  options.counters = from.counters != 0;
  options.lines = from.lines != 0;
  options.caches = from.caches != 0;
  options.scoreboard = from.scoreboard != 0;
  options.track_uninitialised = from.track_uninitialised != 0;
  options.check_races = from.check_races != 0;
  options.max_faults = from.max_faults;
  options.threads = from.threads;
  options.order = from.order;
  options.sample_blocks = from.sample_blocks;
  options.sample_only = from.sample_only != 0;
  options.sample_seed = from.sample_seed;
  options.plain = from.plain != 0;
  if (from.timing) options.timing = timing_from(*from.timing);
  return options;
}

vgpu::Dim3 dim3_from(const uint32_t (&from)[3]) { return vgpu::Dim3{from[0], from[1], from[2]}; }

vgpu::Launch launch_from(const vgpu_launch &from) {
  vgpu::Launch launch;
  launch.kernel = from.kernel;
  launch.grid = dim3_from(from.grid);
  launch.block = dim3_from(from.block);
  launch.dynamic_shared_bytes = from.dynamic_shared_bytes;
  launch.cooperative = from.cooperative != 0;
  launch.params.assign(from.params, from.params + from.param_bytes);
  return launch;
}

}  // namespace

void vgpu_free_text(char *text) { std::free(text); }

vgpu_status vgpu_module_load(const char *ptx, size_t bytes, vgpu_module **module, char **text) {
  *module = nullptr;
  return guarded(text, [&] {
    std::vector<vgpu::Diagnostic> diagnostics;
    std::shared_ptr<const vgpu::Module> loaded = vgpu::Module::load(std::string_view(ptx, bytes), diagnostics);
    if (!loaded) {
      *text = copy_text(vgpu::to_json(diagnostics));
      return VGPU_BAD_PTX;
    }
    *module = std::make_unique<vgpu_module>(vgpu_module{std::move(loaded)}).release();
    return VGPU_OK;
  });
}

void vgpu_module_free(vgpu_module *module) { std::unique_ptr<vgpu_module>{module}; }

vgpu_status vgpu_module_kernels(const vgpu_module *module, char **text) {
  return guarded(text, [&] { return answer(text, vgpu::to_json(module->module->kernels())); });
}

vgpu_status vgpu_module_target(const vgpu_module *module, char **text) {
  return guarded(text, [&] { return answer(text, module->module->target()); });
}

vgpu_status vgpu_module_instructions(const vgpu_module *module, char **text) {
  return guarded(text, [&] { return answer(text, vgpu::instructions_json(*module->module)); });
}

vgpu_status vgpu_forms(char **text) {
  return guarded(text, [&] { return answer(text, vgpu::forms_json()); });
}

vgpu_limits vgpu_default_limits(void) {
  const vgpu::Limits limits;
  return {limits.threads_per_block, limits.shared_bytes_per_block, limits.sms, limits.memory_bytes};
}

vgpu_timing vgpu_default_timing(void) {
  const vgpu::Timing t;
  return {t.alu,    t.fp64,    t.special, t.shared,   t.l1_hit, t.l2_hit,   t.dram,
          t.atomic, t.shuffle, t.barrier, t.constant, t.matrix, t.l1_bytes, t.l2_bytes};
}

vgpu_status vgpu_machine_create(const vgpu_module *module, const vgpu_limits *limits, vgpu_machine **machine,
                                char **text) {
  *machine = nullptr;
  return guarded(text, [&] {
    *machine = new vgpu_machine{vgpu::Machine(module->module, limits_from(*limits))};
    return VGPU_OK;
  });
}

void vgpu_machine_free(vgpu_machine *machine) { std::unique_ptr<vgpu_machine>{machine}; }

vgpu_status vgpu_machine_allocate(vgpu_machine *machine, const char *name, uint64_t bytes, uint32_t skew,
                                  uint64_t *address, char **text) {
  return guarded(text, [&] {
    *address = machine->machine.allocate(name, bytes, skew);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_write(vgpu_machine *machine, uint64_t address, const void *data, uint64_t bytes, char **text) {
  return guarded(text, [&] {
    machine->machine.write(address, data, bytes);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_read(const vgpu_machine *machine, uint64_t address, void *data, uint64_t bytes, char **text) {
  return guarded(text, [&] {
    machine->machine.read(address, data, bytes);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_poison(vgpu_machine *machine, uint64_t address, uint64_t bytes, char **text) {
  return guarded(text, [&] {
    machine->machine.poison(address, bytes);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_set_poison(vgpu_machine *machine, uint32_t pattern, char **text) {
  return guarded(text, [&] {
    machine->machine.set_poison(pattern);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_first_uninitialised(const vgpu_machine *machine, uint64_t address, uint64_t bytes,
                                             int64_t *offset, char **text) {
  return guarded(text, [&] {
    *offset = machine->machine.first_uninitialised(address, bytes);
    return VGPU_OK;
  });
}

vgpu_status vgpu_machine_launch(vgpu_machine *machine, const vgpu_launch *launch, const vgpu_options *options,
                                uint64_t budget_warp_instructions, char **text) {
  return guarded(text, [&] {
    const vgpu::LaunchReport report =
        machine->machine.launch(launch_from(*launch), options_from(*options), vgpu::Budget{budget_warp_instructions});
    return answer(text, vgpu::to_json(report));
  });
}
