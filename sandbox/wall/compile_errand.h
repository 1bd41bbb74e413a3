// The errand "compile": CUDA C++ text in; PTX, cubin, log and lowered names out.
#pragma once

#include <string>
#include <vector>

#include "frame.h"
#include "nvrtc_api.h"

namespace wall {

struct CompileRequest {
  std::string source, file_name;
  std::vector<std::string> options, names;
};

// Compiles the request and writes: NVRTC's result, its words, the log and the lowered names; blobs: PTX, cubin.
void answer_compile(const NvrtcApi &, const Request &, Answer &);

// Compiles a kernel of ours, so that children inherit the compiler's start-up work; throws std::runtime_error if it
// fails.
void warm_up(const NvrtcApi &);

}  // namespace wall
