// What happened, in the order in which it happened: one line an event, for people, and one digest over all of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pki/digest.h"
#include "tests/simulation/world/clockwork.h"

namespace smki::simulation {

class Story {
 public:
  explicit Story(Clockwork& clockwork) : clockwork_(clockwork) {}

  // For people.
  template <typename... Args>
  void Tell(std::string_view who, fmt::format_string<Args...> format, Args&&... args) {
    Add(who, fmt::format(format, std::forward<Args>(args)...));
  }
  // For the digest alone: octets that crossed a wire.
  void Note(std::string_view what, ByteSpan octets);

  const std::vector<std::string>& lines() const { return lines_; }
  // Of everything told and noted so far: the same seed gives the same.
  const Digest& digest() const { return digest_; }
  // Called with each line as it is told; may be empty.
  std::function<void(const std::string&)> on_line;

 private:
  void Add(std::string_view who, std::string what);
  Clockwork& clockwork_;
  std::vector<std::string> lines_;
  void Take(ByteSpan octets);
  Digest digest_{};
};

}  // namespace smki::simulation
