#include "nvrtc_api.h"

#include <dlfcn.h>

#include <stdexcept>

namespace wall {
namespace {

template <class Function>
void find(void *library, const char *name, Function &function) {
  void *symbol = dlsym(library, name);
  if (symbol == nullptr) throw std::runtime_error(std::string("the NVRTC library has no function ") + name);
  function = reinterpret_cast<Function>(symbol);
}

}  // namespace

NvrtcApi NvrtcApi::load(const std::string &path) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("the NVRTC library cannot be loaded: " + std::string(dlerror()));
  NvrtcApi api{};
  find(library, "nvrtcVersion", api.version);
  find(library, "nvrtcCreateProgram", api.create);
  find(library, "nvrtcDestroyProgram", api.destroy);
  find(library, "nvrtcAddNameExpression", api.add_name);
  find(library, "nvrtcCompileProgram", api.compile);
  find(library, "nvrtcGetProgramLogSize", api.log_size);
  find(library, "nvrtcGetProgramLog", api.log);
  find(library, "nvrtcGetPTXSize", api.ptx_size);
  find(library, "nvrtcGetPTX", api.ptx);
  find(library, "nvrtcGetCUBINSize", api.cubin_size);
  find(library, "nvrtcGetCUBIN", api.cubin);
  find(library, "nvrtcGetLoweredName", api.lowered_name);
  find(library, "nvrtcGetErrorString", api.error_text);
  return api;
}

}  // namespace wall
