// The launcher's command line.
#pragma once

#include <string>
#include <vector>

#include "landlock.h"
#include "resource_limits.h"

namespace wall {

struct JailOptions {
  bool probe = false;   // print what this machine offers, and do nothing
  bool zygote = false;  // the program forks children of its own; otherwise it is a command under a fork budget
  bool driver = false;  // a command that drives a card: rules that leave a GPU's driver what it needs
  bool namespaces = true;
  bool unsafe = false;     // go on where files cannot be isolated
  int highest_abi = 1000;  // of Landlock; 0 switches it off
  int keep_file = -1;      // this descriptor becomes number 3
  uint64_t forks = 0;      // of a command
  Grants grants;
  Limits limits;
  std::string folder = "/";  // working folder
  std::vector<std::string> environment, command;
};

// Throws std::invalid_argument with a sentence that names the option.
JailOptions read_options(int count, const char *const *words);

}  // namespace wall
