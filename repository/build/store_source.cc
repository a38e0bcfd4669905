#include "repository/build/store_source.h"

namespace smki::repository {
namespace {

constexpr size_t kBatch = 2048;  // certificates examined together

struct Copy {
  OctetBuffer bodies;
  std::vector<Examiner::Present> present;
};

}  // namespace

Status SubmitStore(const StoreReader& store, const std::string& scratch, size_t memory, uint16_t file,
                   const Examiner& examiner, Pipeline& pipeline) {
  uint64_t number = 0;
  return store.VisitBodies(scratch, memory, kBatch, [&](std::span<const StoreReader::Item> items) {
    auto copy = std::make_shared<Copy>();
    size_t octets = 0;
    for (const StoreReader::Item& item : items) octets += item.der.size();
    copy->bodies = OctetBuffer(octets);
    for (const StoreReader::Item& item : items) {
      const size_t at = copy->bodies.size();
      copy->bodies.Append(item.der);
      copy->present.push_back({copy->bodies.octets().subspan(at), item.entry, {file, number++}});
    }
    return pipeline.Submit([&store, &examiner, copy, file]() -> StatusOr<Examined> {
      auto examined = examiner.ExamineStore(copy->present);
      if (!examined.ok()) return store.file().Damaged(Message(examined.status()));
      examined->file = file;
      return examined;
    });
  });
}

}  // namespace smki::repository
