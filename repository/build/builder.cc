#include "repository/build/builder.h"

#include <algorithm>
#include <cstring>

namespace smki::repository {
namespace {

constexpr size_t kWaiting = 8 + 8 + 2;
constexpr size_t kJudgedAtOnce = 1024;
constexpr size_t kReadAtOnce = 1 << 20;  // octets; no certificate is longer

void PutNumber(uint8_t* at, uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) *at++ = static_cast<uint8_t>(value >> (8 * i));
}
uint64_t GetNumber(const uint8_t* at, int size) {
  uint64_t out = 0;
  for (int i = 0; i < size; ++i) out = out << 8 | at[i];
  return out;
}

}  // namespace

Builder::Builder(std::unique_ptr<StoreWriter> writer, std::unique_ptr<Output> waiting, const std::string& path,
                 size_t memory, Account& account)
    : writer_(std::move(writer)),
      waiting_(std::move(waiting)),
      sorter_(path + ".records", kSorted, Entry::kKey + kSequence, memory),
      account_(account) {}

StatusOr<std::unique_ptr<Builder>> Builder::Create(const std::string& path, size_t memory, Account& account) {
  SMKI_ASSIGN_OR_RETURN(auto writer, StoreWriter::Create(path, memory));
  SMKI_ASSIGN_OR_RETURN(auto waiting, Output::CreateScratch(path + ".waiting"));
  return std::unique_ptr<Builder>(new Builder(std::move(writer), std::move(waiting), path, memory, account));
}

Status Builder::Reject(RecordPlace place, Fault fault, ByteSpan serial) {
  if (account_.Rejected(place, fault, serial)) return OkStatus();
  return Refuse(Refusal::kREJECTS,
                fmt::format("{}: more than {} records are rejected, the last one by {}; these files are not what they "
                            "should be: fetch them again",
                            account_.NameOf(place.file), kMostTolerated, Name(fault.reject)));
}

// By the rules of Merge, since what an authority issued may come before it there.
Status Builder::NoteAuthority(const Examined::Item& item) {
  const AuthorityState now{item.entry.status, item.place.file};
  const auto [at, first] = authority_states_.try_emplace(item.entry.digest, now);
  if (authority_states_.size() > Authorities::kMost) {
    return Refuse(
        Refusal::kAUTHORITIES_TOO_MANY,
        fmt::format("{}: octet {} of its XML: the files hold more than {} authorities' certificates, the SMKI "
                    "has a dozen; fetch them again",
                    account_.NameOf(item.place.file), item.place.offset, Authorities::kMost));
  }
  // A second state in one file is rejected.
  if (first || at->second.last_file != item.place.file) at->second = now;
  return OkStatus();
}

Status Builder::Take(Examined& examined) {
  account_.Records(examined.file, examined.records);
  for (const Examined::Reject& reject : examined.rejects)
    SMKI_RETURN_IF_ERROR(Reject(reject.place, reject.fault, reject.serial));
  SMKI_ASSIGN_OR_RETURN(const uint64_t base, writer_->AddBodies(examined.bodies.octets()));
  for (Examined::Item& item : examined.items) {
    item.entry.offset += base;
    if (item.entry.usage == 'C') SMKI_RETURN_IF_ERROR(NoteAuthority(item));
  }
  for (const size_t i : examined.pending) {
    uint8_t record[kWaiting];
    PutNumber(record, examined.items[i].place.Sequence(), 8);
    PutNumber(record + 8, examined.items[i].entry.offset, 8);
    PutNumber(record + 16, examined.items[i].entry.size, 2);
    SMKI_RETURN_IF_ERROR(waiting_->Append(record));
  }
  return OkStatus();
}

Status Builder::Sort(const Examined& examined) {
  Bytes encoded(examined.items.size() * kSorted);
  uint8_t* at = encoded.data();
  for (const Examined::Item& item : examined.items) {
    std::array<uint8_t, Entry::kSize> entry;
    item.entry.Encode(entry.data());
    std::memcpy(at, entry.data(), Entry::kKey);
    PutNumber(at + Entry::kKey, item.place.Sequence(), 8);
    std::memcpy(at + Entry::kKey + kSequence, entry.data() + Entry::kKey, Entry::kSize - Entry::kKey);
    at += kSorted;
  }
  return sorter_.Add(encoded);
}

struct Builder::Condemned {
  RecordPlace place;
  Fault fault;
  Bytes serial;
};

// Of records of waiting_. Any thread.
StatusOr<std::vector<Builder::Condemned>> Builder::Judge(const Examiner& examiner, ByteSpan records) const {
  const size_t count = records.size() / kWaiting;
  const auto offset_of = [&](size_t i) { return GetNumber(records.data() + i * kWaiting + 8, 8); };
  const auto size_of = [&](size_t i) { return GetNumber(records.data() + i * kWaiting + 16, 2); };
  // They were written in this order, with hardly anything else between them: what lies together is read at once.
  OctetBuffer ders(kReadAtOnce);
  std::vector<Examiner::Waiting> waiting;
  std::vector<Condemned> out;
  for (size_t first = 0, end = 0; first < count; first = end) {
    const uint64_t begin = offset_of(first);
    while (end < count && offset_of(end) >= begin && offset_of(end) + size_of(end) <= begin + kReadAtOnce) ++end;
    SMKI_RETURN_IF_ERROR(writer_->ReadBodies(begin, {ders.end(), offset_of(end - 1) + size_of(end - 1) - begin}));
    waiting.clear();
    for (size_t i = first; i < end; ++i) {
      waiting.push_back({{ders.end() + (offset_of(i) - begin), size_of(i)},
                         RecordPlace::Of(GetNumber(records.data() + i * kWaiting, 8))});
    }
    for (const auto& [i, fault] : examiner.Conclude(waiting)) {
      CertificateView view;
      ReadCertificate(waiting[i].der, view);
      out.push_back({waiting[i].place, fault, ToBytes(view.serial)});
    }
  }
  return out;
}

Status Builder::JudgeWaiting(const Examiner& examiner, unsigned threads) {
  SMKI_RETURN_IF_ERROR(writer_->EndBodies());
  SMKI_RETURN_IF_ERROR(waiting_->Flush());
  InOrder<std::vector<Condemned>> judged(threads, [this](std::vector<Condemned>& condemned) {
    for (const Condemned& one : condemned) {
      SMKI_RETURN_IF_ERROR(Reject(one.place, one.fault, one.serial));
      condemned_.push_back(one.place.Sequence());
    }
    return OkStatus();
  });
  const uint64_t end = waiting_->size();
  for (uint64_t at = 0; at < end; at += kJudgedAtOnce * kWaiting) {
    SMKI_RETURN_IF_ERROR(judged.Submit([this, &examiner, at, end]() -> StatusOr<std::vector<Condemned>> {
      Bytes records(std::min<uint64_t>(kJudgedAtOnce * kWaiting, end - at));
      SMKI_RETURN_IF_ERROR(waiting_->ReadAt(at, records));
      return Judge(examiner, records);
    }));
  }
  SMKI_RETURN_IF_ERROR(judged.Finish());
  std::sort(condemned_.begin(), condemned_.end());
  return OkStatus();
}

// The records of one certificate so far.
struct Builder::Group {
  bool any = false;
  std::array<uint8_t, Entry::kSize> entry;  // encoded: the certificate with its state now
  RecordPlace holder;                       // whose state it is
  uint16_t last_file = 0;
};

// `in` is an entry as it was sorted.
Status Builder::Merge(Group& group, const uint8_t* in, RecordPlace place) {
  std::array<uint8_t, Entry::kSize> encoded;
  std::memcpy(encoded.data(), in, Entry::kKey);
  std::memcpy(encoded.data() + Entry::kKey, in + Entry::kKey + kSequence, Entry::kSize - Entry::kKey);
  if (!group.any) {
    group = {true, encoded, place, place.file};
    return OkStatus();
  }
  const Entry entry = Entry::Decode(encoded.data());
  Entry now = Entry::Decode(group.entry.data());
  if (now.digest != entry.digest) return Reject(place, {Reject::kSERIAL_REUSED, ""}, entry.SerialNumber());
  const bool again = group.last_file == place.file;
  group.last_file = place.file;
  if (now.status == entry.status && now.manufacturing == entry.manufacturing) {
    account_.Unchanged(place.file);
    return OkStatus();
  }
  if (again) return Reject(place, {Reject::kSTATUS_TWICE, ""}, entry.SerialNumber());
  account_.Superseded(group.holder.file, place.file);
  now.status = entry.status;
  now.manufacturing = entry.manufacturing;
  now.changed = entry.changed;
  now.Encode(group.entry.data());
  group.holder = place;
  return OkStatus();
}

// What speaks against a certificate, not a Device's, with the state it has in the end. Devices' never end and are on no
// list.
StatusOr<std::optional<Fault>> Builder::Objection(const Entry& entry) {
  if (entry.kind == CertificateKind::kDeviceAuthority || entry.status != CertificateStatus::kInUse) return std::nullopt;
  Bytes der(entry.size);
  SMKI_RETURN_IF_ERROR(writer_->ReadBodies(entry.offset, der));
  CertificateView view;
  if (ReadCertificate(der, view)) return Internal("a certificate cannot be read back");
  if (view.not_after < as_of_) return Fault{Reject::kEXPIRED, ""};
  if (revocations_->Contains(entry.Key())) return Fault{Reject::kREVOKED_IN_USE, ""};
  if (view.is_ca) return std::nullopt;
  const Issuers issuers = authorities_->Find(view);
  const auto is_revoked = [&](const std::shared_ptr<const Issuer>& issuer) {
    const auto state = authority_states_.find(issuer->certificate());
    return revocations_->Contains(issuer->own()) ||
           (state != authority_states_.end() && state->second.status == CertificateStatus::kRevoked);
  };
  if (!issuers.empty() && std::all_of(issuers.begin(), issuers.end(), is_revoked))
    return Fault{Reject::kISSUER_REVOKED, ""};
  return std::nullopt;
}

Status Builder::End(Group& group) {
  if (!group.any) return OkStatus();
  group.any = false;
  if (static_cast<CertificateKind>(group.entry[Entry::kKindAt]) != CertificateKind::kDevice) {
    const Entry entry = Entry::Decode(group.entry.data());
    SMKI_ASSIGN_OR_RETURN(const auto objection, Objection(entry));
    if (objection) return Reject(group.holder, *objection, entry.SerialNumber());
  }
  account_.Loaded(group.holder.file);
  return writer_->AddEncoded(group.entry.data());
}

Status Builder::Resolve(const Authorities& authorities, const Revocations& revocations, UtcTime as_of) {
  authorities_ = &authorities;
  revocations_ = &revocations;
  as_of_ = as_of;
  SMKI_ASSIGN_OR_RETURN(const auto merged, sorter_.Finish());
  Group group;
  std::array<uint8_t, Entry::kKey> key{};
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const uint8_t* in, merged->Next());
    if (in == nullptr) return End(group);
    if (std::memcmp(in, key.data(), key.size()) != 0) {
      SMKI_RETURN_IF_ERROR(End(group));
      std::memcpy(key.data(), in, key.size());
    }
    const uint64_t sequence = GetNumber(in + Entry::kKey, 8);
    if (std::binary_search(condemned_.begin(), condemned_.end(), sequence)) continue;
    SMKI_RETURN_IF_ERROR(Merge(group, in, RecordPlace::Of(sequence)));
  }
}

}  // namespace smki::repository
