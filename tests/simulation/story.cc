#include "tests/simulation/story.h"

namespace smki::simulation {

void Story::Add(std::string_view who, std::string what) {
  const int64_t ms = std::chrono::duration_cast<Millis>(clockwork_.elapsed()).count();
  std::string line = fmt::format("{:>3}:{:02}:{:02}.{:03}  {:<12}  {}", ms / 3'600'000, ms / 60'000 % 60,
                                 ms / 1000 % 60, ms % 1000, who, what);
  Take(AsBytes(line));
  if (on_line) on_line(line);
  lines_.push_back(std::move(line));
}

void Story::Note(std::string_view what, ByteSpan octets) {
  Take(AsBytes(what));
  Take(octets);
}

void Story::Take(ByteSpan octets) {
  pki::Sha256Stream hash;
  hash.Update(digest_);
  hash.Update(octets);
  digest_ = hash.Finish();
}

}  // namespace smki::simulation
