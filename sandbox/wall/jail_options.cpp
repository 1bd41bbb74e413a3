#include "jail_options.h"

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>

namespace wall {
namespace {

uint64_t number(const std::string &option, const std::string &text) {
  char *end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text.c_str(), &end, 10);
  if (errno != 0 || text.empty() || *end != '\0' || text[0] == '-')
    throw std::invalid_argument(option + " needs a whole number, not '" + text + "'");
  return value;
}

using Set = std::function<void(const std::string &)>;

std::map<std::string, Set> valued_options(JailOptions &options) {
  const auto integer = [](const std::string &name, auto &field) -> Set {
    return [name, &field](const std::string &text) {
      field = static_cast<std::decay_t<decltype(field)>>(number(name, text));
    };
  };
  const auto list = [](std::vector<std::string> &field) -> Set {
    return [&field](const std::string &text) { field.push_back(text); };
  };
  return {{"--read", list(options.grants.readable)},
          {"--write", list(options.grants.writable)},
          {"--device", list(options.grants.controlled)},
          {"--env", list(options.environment)},
          {"--folder", [&options](const std::string &text) { options.folder = text; }},
          {"--keep-fd", integer("--keep-fd", options.keep_file)},
          {"--forks", integer("--forks", options.forks)},
          {"--landlock-abi", integer("--landlock-abi", options.highest_abi)},
          {"--data-bytes", integer("--data-bytes", options.limits.data_bytes)},
          {"--address-bytes", integer("--address-bytes", options.limits.address_bytes)},
          {"--cpu-seconds", integer("--cpu-seconds", options.limits.cpu_seconds)},
          {"--file-bytes", integer("--file-bytes", options.limits.file_bytes)},
          {"--processes", integer("--processes", options.limits.processes)}};
}

std::map<std::string, std::function<void()>> plain_options(JailOptions &options) {
  return {{"--probe", [&options] { options.probe = true; }},
          {"--zygote", [&options] { options.zygote = true; }},
          {"--driver", [&options] { options.driver = true; }},
          {"--unsafe", [&options] { options.unsafe = true; }},
          {"--no-namespaces", [&options] { options.namespaces = false; }}};
}

}  // namespace

JailOptions read_options(int count, const char *const *words) {
  JailOptions options;
  const auto plain = plain_options(options);
  const auto valued = valued_options(options);
  int at = 1;
  for (; at < count && std::string(words[at]) != "--"; ++at) {
    const std::string word = words[at];
    if (const auto flag = plain.find(word); flag != plain.end()) {
      flag->second();
    } else if (const auto option = valued.find(word); option == valued.end()) {
      throw std::invalid_argument("there is no option " + word);
    } else if (++at == count) {
      throw std::invalid_argument(word + " needs a value");
    } else {
      option->second(words[at]);
    }
  }
  for (++at; at < count; ++at) options.command.emplace_back(words[at]);
  if (!options.probe && options.command.empty()) throw std::invalid_argument("no command is given after --");
  return options;
}

}  // namespace wall
