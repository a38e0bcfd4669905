#include "tests/security/memory_scan.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <unordered_map>

#include "fmt/format.h"

namespace smki::test {
namespace {

constexpr size_t kPiece = 4 << 20;
constexpr size_t kOverlap = 256;
constexpr size_t kWord = 8;

uint64_t WordAt(const uint8_t* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// kFragment octets anywhere hold a whole word at a multiple of 8: only those are looked up, then extended to both
// sides.
class Words {
 public:
  explicit Words(const std::vector<Needle>& needles) : needles_(needles) {
    for (size_t n = 0; n < needles.size(); ++n) {
      for (size_t at = 0; at + kWord <= needles[n].octets.size(); ++at) {
        const uint64_t word = WordAt(needles[n].octets.data() + at);
        places_.emplace(word, std::pair(n, at));
        seen_.set(word & 0xFFFF);
      }
    }
  }
  void Search(const std::string& region, uint64_t address, ByteSpan memory, std::vector<std::string>& found) const {
    std::set<std::pair<size_t, uint64_t>> told;
    for (size_t at = 0; at + kWord <= memory.size(); at += kWord) {
      const uint64_t word = WordAt(memory.data() + at);
      if (!seen_.test(word & 0xFFFF)) continue;
      const auto [begin, end] = places_.equal_range(word);
      for (auto it = begin; it != end; ++it) {
        const auto& [n, offset] = it->second;
        const Bytes& needle = needles_[n].octets;
        size_t before = 0, after = kWord;
        while (before < offset && before < at && needle[offset - before - 1] == memory[at - before - 1]) ++before;
        while (offset + after < needle.size() && at + after < memory.size() &&
               needle[offset + after] == memory[at + after])
          ++after;
        if (before + after < kFragment) continue;
        const uint64_t start = address + at - before;
        if (!told.emplace(n, start).second) continue;
        found.push_back(fmt::format("{}, {} octets from its octet {}, at {:x} in {}", needles_[n].name, before + after,
                                    offset - before, start, region));
      }
    }
  }

 private:
  const std::vector<Needle>& needles_;
  std::unordered_multimap<uint64_t, std::pair<size_t, size_t>> places_;
  std::bitset<1 << 16> seen_;
};

}  // namespace

void AddForms(std::vector<Needle>& out, const std::string& name, ByteSpan secret) {
  std::string hex = ToHex(secret);
  out.push_back({name, ToBytes(secret)});
  out.push_back({name + " in hexadecimal", ToBytes(AsBytes(hex))});
  std::transform(hex.begin(), hex.end(), hex.begin(), [](unsigned char c) { return std::toupper(c); });
  out.push_back({name + " in upper case hexadecimal", ToBytes(AsBytes(hex))});
}

void ReadMemory(pid_t process,
                const std::function<void(const std::string& region, uint64_t address, ByteSpan octets)>& take) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::ifstream maps(folder + "/maps");
  ASSERT_TRUE(maps) << folder << "/maps cannot be read";
  const int fd = ::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0) << folder << "/mem cannot be read; this test needs root";
  size_t regions = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    std::string range, rights, offset, device, inode, name;
    in >> range >> rights >> offset >> device >> inode;
    std::getline(in >> std::ws, name);
    if (rights[0] != 'r' || name == "[vvar]" || name == "[vsyscall]" || name == "[vvar_vclock]") continue;
    const uint64_t begin = std::stoull(range, nullptr, 16);
    const uint64_t end = std::stoull(range.substr(range.find('-') + 1), nullptr, 16);
    ++regions;
    Bytes piece(kPiece);
    for (uint64_t at = begin; at < end;) {
      const size_t wanted = std::min<uint64_t>(piece.size(), end - at);
      const ssize_t got = ::pread(fd, piece.data(), wanted, static_cast<off_t>(at));
      if (got <= 0) break;  // a region that went meanwhile
      take(name.empty() ? "anonymous memory" : name, at, ByteSpan(piece).first(static_cast<size_t>(got)));
      if (at + static_cast<uint64_t>(got) >= end) break;
      at += static_cast<uint64_t>(got) > kOverlap ? static_cast<uint64_t>(got) - kOverlap : static_cast<uint64_t>(got);
    }
  }
  ::close(fd);
  EXPECT_GT(regions, 10u) << "process " << process << " is gone";
}

std::vector<std::string> Scan(pid_t process, const std::vector<Needle>& needles) {
  const Words words(needles);
  std::vector<std::string> found;
  ReadMemory(process, [&](const std::string& region, uint64_t address, ByteSpan octets) {
    words.Search(region, address, octets, found);
  });
  return found;
}

std::vector<std::string> FindPrivateKey(pid_t process, const pki::PublicKey& key) {
  constexpr size_t kScalar = 32;
  constexpr size_t kDifferent = 24;  // octets; 32 random ones have about 30 different values
  std::set<Bytes> tried;
  std::vector<std::string> found;
  ReadMemory(process, [&](const std::string& region, uint64_t address, ByteSpan octets) {
    if (region[0] == '/') return;  // what a file holds is no ceremony's key
    for (size_t at = 0; at + kScalar <= octets.size(); at += kWord) {
      const ByteSpan window = octets.subspan(at, kScalar);
      std::bitset<256> values;
      for (const uint8_t octet : window) values.set(octet);
      if (values.count() < kDifferent || !tried.insert(ToBytes(window)).second) continue;
      for (const Bytes& scalar : {ToBytes(window), Bytes(window.rbegin(), window.rend())}) {
        const auto candidate = pki::PrivateKey::FromScalar(scalar);
        if (candidate.ok() && candidate->public_key() == key)
          found.push_back(fmt::format("the private key, at {:x} in {}", address + at, region));
      }
    }
  });
  return found;
}

pid_t ChildOf(pid_t process) {
  std::vector<pid_t> children;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream in(task.path() / "children");
    for (pid_t child = 0; in >> child;) children.push_back(child);
  }
  return children.size() == 1 ? children[0] : -1;
}

}  // namespace smki::test
