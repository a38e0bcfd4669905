// RocksDB: sorted rows into table files of its own format, taken into the database as they are.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "tests/bench/repository/row_sorter.h"
#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

constexpr uint64_t kRowsPerTable = 500'000;
constexpr bool kKeepCached = false;  // invalidate_page_cache: lookups are measured warm

void Check(const rocksdb::Status& status) {
  if (!status.ok()) Die("RocksDB: " + status.ToString());
}
rocksdb::Slice Slice(ByteSpan octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

rocksdb::Options MakeOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kMemory);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::Options out;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  out.compression = rocksdb::kNoCompression;  // keys and signatures do not compress
  out.create_if_missing = true;
  out.create_missing_column_families = true;
  out.disable_auto_compactions = true;
  return out;
}

class RocksDb : public Candidate {
 public:
  explicit RocksDb(std::string folder) : folder_(std::move(folder)), options_(MakeOptions()) {
    const std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, options_},
                                                                   {"euis", options_}};
    rocksdb::DB* database = nullptr;
    Check(rocksdb::DB::Open(options_, folder_ + "/db", families, &families_, &database));
    database_.reset(database);
  }
  ~RocksDb() override {
    for (auto* family : families_) database_->DestroyColumnFamilyHandle(family);
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
      Ingest(rows, 0, kKeySize, kKeySize + kEuiSize);
    }
    Ingest(euis, 1, kEuiSize + kKeySize, kEuiSize + kKeySize);
    SyncPath(folder_);
  }
  std::optional<Bytes> BySerial(ByteSpan key) override {
    rocksdb::PinnableSlice found;
    const rocksdb::Status status = database_->Get({}, families_[0], Slice(key), &found);
    if (status.IsNotFound()) return std::nullopt;
    Check(status);
    return Bytes(found.data() + 1, found.data() + found.size());
  }
  std::vector<Bytes> ByEui(ByteSpan eui) override {
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator({}, families_[1]));
    std::vector<Bytes> out;
    for (at->Seek(Slice(eui)); at->Valid() && at->key().starts_with(Slice(eui)); at->Next()) {
      out.push_back(BySerial(AsBytes(at->key().ToStringView()).subspan(kEuiSize)).value());
    }
    return out;
  }

 private:
  void Ingest(RowSorter& sorter, size_t family, size_t key_size, size_t value_at) {
    std::vector<std::string> tables;
    std::unique_ptr<rocksdb::SstFileWriter> writer;
    uint64_t rows = 0;
    sorter.Merge([&](ByteSpan entry) {
      if (rows++ % kRowsPerTable == 0) {
        if (writer != nullptr) Check(writer->Finish());
        tables.push_back(folder_ + "/" + std::to_string(family) + "-" + std::to_string(tables.size()) + ".sst");
        writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_, nullptr, kKeepCached);
        Check(writer->Open(tables.back()));
      }
      Check(writer->Put(Slice(entry.first(key_size)), Slice(entry.subspan(value_at))));
    });
    if (writer != nullptr) Check(writer->Finish());
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    Check(database_->IngestExternalFile(families_[family], tables, ingest));
  }

  const std::string folder_;
  const rocksdb::Options options_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace

std::unique_ptr<Candidate> MakeRocksDb(const std::string& folder) {
  return std::make_unique<RocksDb>(folder);
}

}  // namespace smki::bench
