#include "compile_errand.h"

#include <cctype>
#include <memory>
#include <new>
#include <stdexcept>

namespace wall {
namespace {

struct CompileResult {
  NvrtcApi::Result result;
  std::string log, ptx, cubin;
  std::vector<std::string> lowered;
};

class Program {
 public:
  Program(const NvrtcApi &api, const CompileRequest &request) : api_(api) {
    require(api_.create(&program_, request.source.c_str(), request.file_name.c_str(), 0, nullptr, nullptr), "create");
    for (const std::string &name : request.names) require(api_.add_name(program_, name.c_str()), "add a name");
  }
  ~Program() { api_.destroy(&program_); }
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  CompileResult compile(const CompileRequest &request) {
    std::vector<const char *> options;
    for (const std::string &option : request.options) options.push_back(option.c_str());
    CompileResult out{};
    out.result = api_.compile(program_, static_cast<int>(options.size()), options.data());
    if (out.result == NvrtcApi::kOutOfMemory) throw std::bad_alloc();
    out.log = text(api_.log_size, api_.log);
    if (out.result != NvrtcApi::kSuccess) return out;
    out.ptx = text(api_.ptx_size, api_.ptx);
    out.cubin = content(api_.cubin_size, api_.cubin);
    for (const std::string &name : request.names) out.lowered.push_back(lowered(name));
    return out;
  }

 private:
  using Size = NvrtcApi::Result (*)(NvrtcApi::Program, size_t *);
  using Get = NvrtcApi::Result (*)(NvrtcApi::Program, char *);

  void require(NvrtcApi::Result result, const char *what) const {
    if (result == NvrtcApi::kOutOfMemory) throw std::bad_alloc();
    if (result != NvrtcApi::kSuccess)
      throw std::runtime_error(std::string("NVRTC failed to ") + what + ": " + api_.error_text(result));
  }
  std::string content(Size size, Get get) const {
    size_t bytes = 0;
    require(size(program_, &bytes), "tell a size");
    std::string out(bytes, '\0');
    require(get(program_, out.data()), "hand over its output");
    return out;
  }
  // NVRTC counts the terminating zero of its texts.
  std::string text(Size size, Get get) const {
    std::string out = content(size, get);
    if (!out.empty() && out.back() == '\0') out.pop_back();
    return out;
  }
  std::string lowered(const std::string &name) const {
    const char *symbol = nullptr;
    require(api_.lowered_name(program_, name.c_str(), &symbol), "lower a name");
    return symbol;
  }

  const NvrtcApi &api_;
  NvrtcApi::Program program_ = nullptr;
};

// Whether the text has a word that looks like one of those that --minimal leaves out: cudaError_t, tex2D, surf1Dread.
// Its own declaration of such a name, or an #ifdef of one, is no error without them, and would make another program.
bool names_what_is_left_out(const std::string &text) {
  for (const std::string prefix : {"cuda", "tex", "surf", "CUDART_"}) {
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
      const size_t next = at + prefix.size();
      const auto c = static_cast<unsigned char>(next < text.size() ? text[next] : 0);
      if (std::isupper(c) || std::isdigit(c)) return true;
    }
  }
  return false;
}

// Without the declarations of textures, of the runtime's device functions and of launches from device code NVRTC needs
// a fifth less time (https://docs.nvidia.com/cuda/nvrtc/#supported-compile-options, --minimal), and makes the same PTX
// and cubin of a text that needs none of them. A text that does is an error then, and is compiled again with them.
CompileResult compile_quickly(const NvrtcApi &api, const CompileRequest &request) {
  if (names_what_is_left_out(request.source)) return Program(api, request).compile(request);
  CompileRequest quick = request;
  quick.options.push_back("--minimal");
  const CompileResult first = Program(api, quick).compile(quick);
  return first.result == NvrtcApi::kSuccess ? first : Program(api, request).compile(request);
}

CompileRequest read(const Request &request) {
  Reader head(request.head());
  CompileRequest out;
  out.file_name = head.text();
  out.options = head.texts();
  out.names = head.texts();
  out.source = request.blob(0);
  return out;
}

}  // namespace

void answer_compile(const NvrtcApi &api, const Request &request, Answer &answer) {
  const CompileRequest compile = read(request);
  const CompileResult result = compile_quickly(api, compile);
  Writer head;
  head.u32(static_cast<uint32_t>(result.result));
  head.text(api.error_text(result.result));
  head.text(result.log);
  head.u32(static_cast<uint32_t>(result.lowered.size()));
  for (const std::string &name : result.lowered) head.text(name);
  answer.blob(result.ptx);
  answer.blob(result.cubin);
  answer.finish(head.bytes());
}

void warm_up(const NvrtcApi &api) {
  const CompileRequest request{"__global__ void warm_up(float *x) { x[threadIdx.x] += 1; }",
                               "warm_up.cu",
                               {"--gpu-architecture=sm_80", "-lineinfo"},
                               {}};
  const CompileResult result = compile_quickly(api, request);
  if (result.result != NvrtcApi::kSuccess)
    throw std::runtime_error(std::string("NVRTC cannot compile its first kernel: ") + api.error_text(result.result) +
                             "\n" + result.log);
}

}  // namespace wall
