// smki-store-candidates: the same rows into every store that could hold the Repository, in turn
// (docs/decisions/0005-repository-store.md). Not part of the build; needs liblmdb-dev and librocksdb-dev:
//   ninja -C build smki-store-candidates && build/bin/smki-store-candidates --folder DIR
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kLookups = 20'000;
constexpr uint64_t kIssuers = 8;
constexpr CandidateKind kKinds[] = {
    {"SQLite, rows sorted", MakeSqliteSorted},
    {"SQLite, order of arrival", MakeSqliteArrival},
    {"LMDB", MakeLmdb},
    {"RocksDB", MakeRocksDb},
    {"own files", MakeFiles},
    {"own files, unsealed", MakeFilesUnsealed},
};

// SplitMix64.
class Stream {
 public:
  explicit Stream(uint64_t state) : state_(state) {}
  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  void Fill(std::span<uint8_t> out) {
    for (size_t i = 0; i < out.size(); i += sizeof(uint64_t)) {
      const uint64_t next = Next();
      std::memcpy(out.data() + i, &next, std::min(sizeof(next), out.size() - i));
    }
  }

 private:
  uint64_t state_;
};

double Seconds(SteadyClock::time_point since) {
  return std::chrono::duration<double>(SteadyClock::now() - since).count();
}

uint64_t AnonymousNow() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

class PeakAnonymous {
 public:
  PeakAnonymous() : watcher_([this] { Watch(); }) {}
  ~PeakAnonymous() {
    done_ = true;
    watcher_.join();
  }
  uint64_t peak() const { return peak_; }

 private:
  void Watch() {
    while (!done_) {
      peak_ = std::max(peak_.load(), AnonymousNow());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  std::atomic<bool> done_ = false;
  std::atomic<uint64_t> peak_ = 0;
  std::thread watcher_;
};

uint64_t OctetsOf(const fs::path& folder) {
  uint64_t out = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    struct stat found {};
    // What is allocated: LMDB's file is sparse.
    if (file.is_regular_file() && ::stat(file.path().c_str(), &found) == 0) {
      out += static_cast<uint64_t>(found.st_blocks) * 512;
    }
  }
  return out;
}

// So that lookups meet the same page cache everywhere.
void ReadAll(const fs::path& folder) {
  std::vector<char> buffer(1 << 20);
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()))) {
    }
  }
}

// Microseconds at the median and at the 99th percentile, of rows drawn at random; the first lookups only warm up.
template <typename Lookup>
Json Latency(uint64_t count, const Lookup& lookup) {
  Stream random(7);
  std::vector<double> took;
  for (uint64_t i = 0; i < 2 * kLookups; ++i) {
    const Row row = MakeRow(random.Next() % count);
    const auto start = SteadyClock::now();
    const bool right = lookup(row);
    if (i >= kLookups) took.push_back(Seconds(start) * 1e6);
    if (!right) Die("a row is not found, or another one is");
  }
  std::sort(took.begin(), took.end());
  return {{"p50", took[took.size() / 2]}, {"p99", took[took.size() * 99 / 100]}};
}

Json Measure(const CandidateKind& kind, const std::string& folder, uint64_t count) {
  const auto candidate = kind.make(folder);
  Json out = {{"name", kind.name}, {"rows", count}};
  {
    PeakAnonymous memory;
    const auto start = SteadyClock::now();
    candidate->Load(count);
    const double seconds = Seconds(start);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto cpu = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    out["seconds"] = seconds;
    out["rate"] = static_cast<double>(count) / seconds;
    out["cpu_us_each"] = (cpu(used.ru_utime) + cpu(used.ru_stime)) / static_cast<double>(count) * 1e6;
    out["peak_anon"] = memory.peak();
  }
  ReadAll(folder);
  out["disk_each"] = static_cast<double>(OctetsOf(folder)) / static_cast<double>(count);
  const auto same = [](const Row& row, const Bytes& der) {
    return std::equal(row.der.begin(), row.der.end(), der.begin(), der.end());
  };
  out["by_serial_us"] = Latency(count, [&](const Row& row) {
    const auto found = candidate->BySerial(row.key);
    return found && same(row, *found);
  });
  out["by_eui_us"] = Latency(count, [&](const Row& row) {
    const auto found = candidate->ByEui(row.eui);
    return std::any_of(found.begin(), found.end(), [&](const Bytes& der) { return same(row, der); });
  });
  return out;
}

// In a process of its own, so that nobody's memory is another's.
Json MeasureApart(const CandidateKind& kind, const std::string& folder, uint64_t count) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  const std::string result = folder + ".json";
  const pid_t child = ::fork();
  if (child < 0) Die("cannot fork");
  if (child == 0) {
    const Json measured = Measure(kind, folder, count);
    std::ofstream(result) << measured;
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) Die(std::string(kind.name) + " ended early");
  Json out = Json::parse(std::ifstream(result));
  fs::remove(result);
  fs::remove_all(folder);
  return out;
}

}  // namespace

Row MakeRow(uint64_t number) {
  Stream random(number * 0xD1B54A32D192ED03ull + 1);
  Row row;
  random.Fill(std::span(row.key).first(kSerialSize));
  row.key[0] &= 0x7F;
  Stream(random.Next() % kIssuers).Fill(std::span(row.key).last(kKeySize - kSerialSize));
  Stream(number / 2).Fill(row.eui);
  row.status = 'I';
  random.Fill(row.der);
  return row;
}

void Die(const std::string& what) {
  std::fprintf(stderr, "smki-store-candidates: %s\n", what.c_str());
  std::exit(1);
}

void SyncPath(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || ::fsync(file) != 0) Die("cannot sync " + path);
  ::close(file);
}

}  // namespace smki::bench

int main(int argc, char** argv) {
  CLI::App app("The same rows into every store that could hold the Repository");
  std::string folder;
  std::vector<uint64_t> rows = {1'000'000, 3'000'000};
  int rounds = 3;
  app.add_option("--folder", folder, "where the stores are made, one at a time")->required();
  app.add_option("--rows", rows, "sizes")->capture_default_str();
  app.add_option("--rounds", rounds, "each runs every store once, in turn")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  for (int round = 1; round <= rounds; ++round) {
    for (const uint64_t count : rows) {
      for (const auto& kind : smki::bench::kKinds) {
        auto measured = smki::bench::MeasureApart(kind, folder + "/store", count);
        measured["round"] = round;
        std::printf("%s\n", measured.dump().c_str());
        std::fflush(stdout);
      }
    }
  }
  return 0;
}
