// What a store of the Repository has to do with a row, done by each library that could
// (docs/decisions/0005-repository-store.md).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace smki::bench {

inline constexpr size_t kSerialSize = 20;
inline constexpr size_t kKeySize = kSerialSize + 8;  // and the issuer
inline constexpr size_t kEuiSize = 8;
inline constexpr size_t kDerSize = 420;
inline constexpr size_t kMemory = 64 << 20;  // each sort, and each cache

// As it arrives: serials in no order, the two rows of a Device one after the other. No padding: it is also what is
// sorted, by its key.
struct Row {
  std::array<uint8_t, kKeySize> key;
  std::array<uint8_t, kEuiSize> eui;
  uint8_t status;
  std::array<uint8_t, kDerSize> der;
};
static_assert(sizeof(Row) == kKeySize + kEuiSize + 1 + kDerSize);

// The `number`-th row; the same whenever asked.
Row MakeRow(uint64_t number);

// A store in a folder of its own. Any fault ends the program: it is a measurement.
class Candidate {
 public:
  virtual ~Candidate() = default;
  // Rows 0 to count - 1 in that order; durable and ready for lookups on return.
  virtual void Load(uint64_t count) = 0;
  // The DER, checked as far as the store checks what it reads.
  virtual std::optional<Bytes> BySerial(ByteSpan key) = 0;
  virtual std::vector<Bytes> ByEui(ByteSpan eui) = 0;
};

struct CandidateKind {
  const char* name;
  std::unique_ptr<Candidate> (*make)(const std::string& folder);
};
std::unique_ptr<Candidate> MakeSqliteSorted(const std::string& folder);
std::unique_ptr<Candidate> MakeSqliteArrival(const std::string& folder);
std::unique_ptr<Candidate> MakeLmdb(const std::string& folder);
std::unique_ptr<Candidate> MakeRocksDb(const std::string& folder);
std::unique_ptr<Candidate> MakeFiles(const std::string& folder);
std::unique_ptr<Candidate> MakeFilesUnsealed(
    const std::string& folder);  // no digest of the body, no seals: as LMDB and SQLite

[[noreturn]] void Die(const std::string& what);
void SyncPath(const std::string& path);  // file or folder

}  // namespace smki::bench
