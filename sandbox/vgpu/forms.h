// What the virtual GPU executes, as JSON: the table of instruction forms, and the rows that a module's instructions
// use.
#pragma once

#include <string>

#include "machine.h"

namespace vgpu {

// [{name, pattern, class, slots, section}]: the rows of isa/*.def that stand for PTX text.
std::string forms_json();
// [{kernel, ptx_line, instruction, form, refused}]: every instruction that the kernels reach, once for each kernel.
// `refused` says why it is not executed (form "unsupported"); it is empty where it is.
std::string instructions_json(const Module &);

}  // namespace vgpu
