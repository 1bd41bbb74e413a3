// Reports as JSON text, for whoever is on the other side of a language or a process boundary: the C API and the wall's
// worker. Every name is that of the field in machine.h; a Dim3 is [x, y, z]; counts by class are objects keyed by the
// class's name; 64-bit numbers are written in full (read them with a parser that keeps integers).
#pragma once

#include <string>
#include <vector>

#include "machine.h"

namespace vgpu {

std::string to_json(const LaunchReport &);
std::string to_json(const std::vector<KernelInfo> &);
std::string to_json(const std::vector<Diagnostic> &);

}  // namespace vgpu
