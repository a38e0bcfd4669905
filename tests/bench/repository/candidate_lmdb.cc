// LMDB: sorted rows appended to one tree, keys by EUI-64 appended to a second one.
#include <lmdb.h>

#include "tests/bench/repository/row_sorter.h"
#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

constexpr uint64_t kRowsPerCommit = 50'000;  // a transaction holds its pages in memory: about 25 MB
constexpr size_t kMapSize = size_t{64} << 30;

void Check(int code) {
  if (code != MDB_SUCCESS) Die(std::string("LMDB: ") + mdb_strerror(code));
}
MDB_val Value(ByteSpan octets) {
  return {octets.size(), const_cast<uint8_t*>(octets.data())};
}
ByteSpan SpanOf(const MDB_val& value) {
  return {static_cast<const uint8_t*>(value.mv_data), value.mv_size};
}

class Lmdb : public Candidate {
 public:
  explicit Lmdb(std::string folder) : folder_(std::move(folder)) {
    Check(mdb_env_create(&environment_));
    Check(mdb_env_set_maxdbs(environment_, 2));
    Check(mdb_env_set_mapsize(environment_, kMapSize));
    Check(mdb_env_open(environment_, folder_.c_str(), MDB_NOSYNC | MDB_NOMETASYNC, 0644));
  }
  ~Lmdb() override {
    if (reading_ != nullptr) mdb_txn_abort(reading_);
    mdb_env_close(environment_);
  }

  void Load(uint64_t count) override {
    RowSorter euis(folder_, kEuiSize + kKeySize, kEuiSize + kKeySize);
    {
      RowSorter rows(folder_, sizeof(Row), kKeySize);
      for (uint64_t i = 0; i < count; ++i) {
        const Row row = MakeRow(i);
        rows.Add({row.key.data(), sizeof(row)});
        Bytes entry(row.eui.begin(), row.eui.end());
        entry.insert(entry.end(), row.key.begin(), row.key.end());
        euis.Add(entry);
      }
      Fill("rows", 0, &rows_, rows, kKeySize, kKeySize + kEuiSize);
    }
    Fill("euis", MDB_DUPSORT, &euis_, euis, kEuiSize, kEuiSize);
    Check(mdb_env_sync(environment_, 1));
    SyncPath(folder_);
    Check(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reading_));
  }
  std::optional<Bytes> BySerial(ByteSpan key) override {
    MDB_val wanted = Value(key), found;
    const int code = mdb_get(reading_, rows_, &wanted, &found);
    if (code == MDB_NOTFOUND) return std::nullopt;
    Check(code);
    return ToBytes(SpanOf(found).subspan(1));
  }
  std::vector<Bytes> ByEui(ByteSpan eui) override {
    MDB_cursor* cursor = nullptr;
    Check(mdb_cursor_open(reading_, euis_, &cursor));
    MDB_val wanted = Value(eui), key;
    std::vector<Bytes> out;
    for (int code = mdb_cursor_get(cursor, &wanted, &key, MDB_SET); code == MDB_SUCCESS;
         code = mdb_cursor_get(cursor, &wanted, &key, MDB_NEXT_DUP)) {
      out.push_back(BySerial(SpanOf(key)).value());
    }
    mdb_cursor_close(cursor);
    return out;
  }

 private:
  // Entries are a key and, from `value_at` on, its value.
  void Fill(const char* name, unsigned flags, MDB_dbi* tree, RowSorter& sorter, size_t key_size, size_t value_at) {
    MDB_txn* writing = nullptr;
    MDB_cursor* cursor = nullptr;
    uint64_t pending = 0;
    const auto begin = [&] {
      Check(mdb_txn_begin(environment_, nullptr, 0, &writing));
      Check(mdb_dbi_open(writing, name, flags | MDB_CREATE, tree));
      Check(mdb_cursor_open(writing, *tree, &cursor));
    };
    begin();
    sorter.Merge([&](ByteSpan entry) {
      MDB_val key = Value(entry.first(key_size)), value = Value(entry.subspan(value_at));
      Check(mdb_cursor_put(cursor, &key, &value, flags == 0 ? MDB_APPEND : MDB_APPENDDUP));
      if (++pending % kRowsPerCommit != 0) return;
      mdb_cursor_close(cursor);
      Check(mdb_txn_commit(writing));
      begin();
    });
    mdb_cursor_close(cursor);
    Check(mdb_txn_commit(writing));
  }

  const std::string folder_;
  MDB_env* environment_ = nullptr;
  MDB_dbi rows_ = 0, euis_ = 0;
  MDB_txn* reading_ = nullptr;
};

}  // namespace

std::unique_ptr<Candidate> MakeLmdb(const std::string& folder) {
  return std::make_unique<Lmdb>(folder);
}

}  // namespace smki::bench
