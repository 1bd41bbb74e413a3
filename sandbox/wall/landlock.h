// File isolation by Landlock. https://docs.kernel.org/userspace-api/landlock.html
//
// Everything is refused except what is granted. ABIs 1 to 3 govern files (refer from 2, truncate from 3), 4 adds TCP,
// 5 device ioctls, 6 signals and abstract sockets to outside. What an ABI does not govern is left to the other layers.
#pragma once

#include <string>
#include <vector>

namespace wall {

struct Grants {
  std::vector<std::string> readable;  // files and folders: read and execute
  std::vector<std::string> writable;  // folders: everything but devices
  std::vector<std::string> devices;   // files: read and write
  std::vector<std::string> controlled;  // device files, or folders of them: read, write and control (ioctl)
};

// The kernel's ABI, 0 where Landlock is absent or switched off.
int landlock_abi();

// Puts the rules in force for this thread and its children, using at most `abi` (at least 1). A granted path that
// does not exist is passed over. Throws std::system_error.
void restrict_files(const Grants &, int abi);

}  // namespace wall
