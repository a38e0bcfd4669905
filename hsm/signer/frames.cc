#include "hsm/signer/frames.h"

#include <algorithm>
#include <type_traits>

#include "base/wire.h"

namespace smki::hsm {
namespace {

// One description of each message serves both directions, and counts octets so that a frame is allocated once.
class PayloadSize {
 public:
  void Number(uint64_t, size_t size) { size_ += size; }
  void Octets(ByteSpan octets) { size_ += octets.size(); }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

class PayloadOctets {
 public:
  explicit PayloadOctets(size_t size) { out_.reserve(size); }
  void Number(uint64_t v, size_t size) {
    for (size_t i = size; i-- > 0;) out_.push_back(static_cast<uint8_t>(v >> (8 * i)));
  }
  void Octets(ByteSpan octets) { Append(out_, octets); }
  Bytes Take() { return std::move(out_); }

 private:
  Bytes out_;
};

template <typename Sink>
class PayloadWriter {
 public:
  explicit PayloadWriter(Sink& out) : out_(out) {}
  void Field(uint8_t v) { out_.Number(v, 1); }
  void Field(bool v) { out_.Number(v ? 1 : 0, 1); }
  void Field(uint32_t v) { out_.Number(v, 4); }
  void Field(uint64_t v) { out_.Number(v, 8); }
  void Field(UtcTime v) { out_.Number(static_cast<uint64_t>(v.ms), 8); }
  void Field(Eui64 v) { out_.Number(v.value(), 8); }
  void Field(const Digest& v) { out_.Octets(v); }
  void Field(const Bytes& v) {
    out_.Number(v.size(), 4);
    out_.Octets(v);
  }
  void Field(const std::string& v) {
    out_.Number(v.size(), 4);
    out_.Octets(AsBytes(v));
  }
  void Field(KeyState v) { out_.Number(static_cast<uint8_t>(v), 1); }
  void Field(const std::optional<Digest>& v) {
    Field(v.has_value());
    if (v) Field(*v);
  }
  template <typename T>
  void Field(const std::vector<T>& list) {
    out_.Number(list.size(), 4);
    for (const T& item : list) Item(item);
  }

 private:
  template <typename T>
  void Item(const T& item);
  Sink& out_;
};

class PayloadReader {
 public:
  explicit PayloadReader(ByteSpan in) : in_(in), size_(in.size()) {}
  void Field(uint8_t& v) { v = in_.U8(); }
  void Field(bool& v) { v = in_.U8() != 0; }
  void Field(uint32_t& v) { v = in_.U32(); }
  void Field(uint64_t& v) { v = in_.U64(); }
  void Field(UtcTime& v) { v.ms = static_cast<int64_t>(in_.U64()); }
  void Field(Eui64& v) { v = in_.Eui(); }
  void Field(Digest& v) { v = in_.Digest(); }
  void Field(Bytes& v) { v = ToBytes(in_.Octets()); }
  void Field(std::string& v) { v = in_.Text(); }
  void Field(KeyState& v) { v = static_cast<KeyState>(in_.U8()); }
  void Field(std::optional<Digest>& v) {
    if (in_.U8() != 0) v = in_.Digest();
  }
  template <typename T>
  void Field(std::vector<T>& list) {
    // Every item takes at least four octets, so a lie about their number cannot make us allocate more than was sent.
    const uint32_t count = in_.U32();
    for (uint32_t i = 0; i < count && in_.ok() && i <= size_ / 4; ++i) Item(list.emplace_back());
  }
  Status Finish() const { return in_.Finish("frame"); }

 private:
  template <typename T>
  void Item(T& item);
  WireReader in_;
  size_t size_;
};

template <typename A, typename... T>
void All(A& a, T&... fields) {
  (a.Field(fields), ...);
}

#define SMKI_FIELDS(Type, ...)                          \
  template <typename A, typename M>                     \
  requires std::is_same_v<std::remove_const_t<M>, Type> \
  void Fields(A& a, M& m) {                             \
    All(a, __VA_ARGS__);                                \
  }
SMKI_FIELDS(NamedKey, m.name, m.uri)
SMKI_FIELDS(ConfigureFrame, m.module, m.softhsm_config, m.journal, m.identity_certificate, m.identity_key, m.keys,
            m.policy, m.user, m.group)
SMKI_FIELDS(RejectionFrame, m.document, m.signature)
SMKI_FIELDS(PrepareFrame, m.incident, m.key, m.direction, m.approvals, m.rejections, m.casting_vote,
            m.casting_signature, m.policy, m.revocation_list, m.ledger_sequence, m.ledger_head)
SMKI_FIELDS(PopulationFrame, m.group, m.octets)
SMKI_FIELDS(CertificateFrame, m.der)
SMKI_FIELDS(CeremonyFrame, m.request, m.signature, m.presented, m.threshold, m.open)
SMKI_FIELDS(PresentFrame, m.presentation, m.signature, m.envelope)
SMKI_FIELDS(SignItem, m.device, m.attempt)
SMKI_FIELDS(SignFrame, m.direction, m.group, m.items, m.ledger_sequence, m.ledger_head)
SMKI_FIELDS(SignedItem, m.device, m.attempt, m.counter, m.command, m.refusal, m.detail)
SMKI_FIELDS(SignedFrame, m.items)
SMKI_FIELDS(ProofItem, m.device, m.response, m.certificate)
SMKI_FIELDS(ProveFrame, m.direction, m.proofs)
SMKI_FIELDS(ProofRefusal, m.device, m.reason, m.detail)
SMKI_FIELDS(ProvedFrame, m.outstanding, m.proven, m.refused)
SMKI_FIELDS(CloseFrame, m.direction, m.why)
SMKI_FIELDS(DestroyFrame, m.direction)
SMKI_FIELDS(RefusalFrame, m.reason, m.detail)
SMKI_FIELDS(OrderFrame, m.order, m.signature)
SMKI_FIELDS(BeginCustodyFrame, m.change, m.approvals, m.policy, m.revocation_list)
SMKI_FIELDS(GetCustodyFrame, m.person)
SMKI_FIELDS(CustodyFrame, m.change, m.approvals, m.offered, m.policy, m.ceremony.request, m.ceremony.signature,
            m.ceremony.presented, m.ceremony.threshold, m.ceremony.open, m.envelope)
SMKI_FIELDS(RefusalCount, m.code, m.count)
SMKI_FIELDS(GivenOrderFrame, m.document, m.signature, m.time, m.seat)
SMKI_FIELDS(StatusFrame, m.state, m.environment, m.estate, m.key, m.incident, m.direction, m.direction_id, m.ceremony,
            m.presented, m.threshold, m.signatures, m.refusals, m.outstanding, m.proven, m.total_limit, m.open_until,
            m.journal_records, m.journal_octets, m.journal_head, m.closed_because, m.policy_digest, m.policy_version,
            m.time, m.refusal_counts, m.counter_floor, m.journal_head_seen, m.epoch, m.ledger_sequence, m.ledger_head,
            m.orders)
SMKI_FIELDS(StatusRequestFrame, m.journal_records_seen, m.orders_of)
SMKI_FIELDS(ErrorFrame, m.code, m.message, m.reason)
#undef SMKI_FIELDS
template <typename A, typename M>
requires std::is_same_v<std::remove_const_t<M>, EmptyFrame>
void Fields(A&, M&) {}

template <typename T>
constexpr bool kIsScalar = std::is_same_v<T, std::string> || std::is_same_v<T, Bytes>;

template <typename Sink>
template <typename T>
void PayloadWriter<Sink>::Item(const T& item) {
  if constexpr (kIsScalar<T>) {
    Field(item);
  } else {
    Fields(*this, item);
  }
}

template <typename T>
void PayloadReader::Item(T& item) {
  if constexpr (kIsScalar<T>) {
    Field(item);
  } else {
    Fields(*this, item);
  }
}

}  // namespace

template <typename T>
Bytes MakeFrame(FrameType type, const T& message) {
  PayloadSize size;
  PayloadWriter<PayloadSize> measure(size);
  Fields(measure, message);
  SMKI_CHECK(size.size() < kMaxFrame);
  PayloadOctets octets(5 + size.size());
  octets.Number(size.size() + 1, 4);
  octets.Number(static_cast<uint8_t>(type), 1);
  PayloadWriter<PayloadOctets> out(octets);
  Fields(out, message);
  return octets.Take();
}

template <typename T>
StatusOr<T> DecodePayload(ByteSpan payload) {
  PayloadReader in(payload);
  T message;
  Fields(in, message);
  SMKI_RETURN_IF_ERROR(in.Finish());
  return message;
}

#define SMKI_FRAME(T)                            \
  template Bytes MakeFrame(FrameType, const T&); \
  template StatusOr<T> DecodePayload(ByteSpan);
SMKI_FRAME(ConfigureFrame)
SMKI_FRAME(PrepareFrame)
SMKI_FRAME(PopulationFrame)
SMKI_FRAME(CertificateFrame)
SMKI_FRAME(CeremonyFrame)
SMKI_FRAME(PresentFrame)
SMKI_FRAME(SignFrame)
SMKI_FRAME(SignedFrame)
SMKI_FRAME(ProveFrame)
SMKI_FRAME(ProvedFrame)
SMKI_FRAME(CloseFrame)
SMKI_FRAME(DestroyFrame)
SMKI_FRAME(RefusalFrame)
SMKI_FRAME(OrderFrame)
SMKI_FRAME(BeginCustodyFrame)
SMKI_FRAME(GetCustodyFrame)
SMKI_FRAME(CustodyFrame)
SMKI_FRAME(StatusFrame)
SMKI_FRAME(StatusRequestFrame)
SMKI_FRAME(ErrorFrame)
SMKI_FRAME(EmptyFrame)
#undef SMKI_FRAME

Bytes MakeErrorFrame(const Status& status) {
  const ErrorFrame error{static_cast<uint32_t>(status.code()), Message(status), ReasonOf(status)};
  return MakeFrame(FrameType::kError, error);
}

Status StatusOf(const ErrorFrame& error) {
  const Status status(static_cast<StatusCode>(error.code), error.message);
  return error.reason.empty() ? status : WithReason(status, error.reason);
}

std::span<uint8_t> FrameReader::Room(size_t size) {
  if (start_ > 0 && (start_ == end_ || buffer_.size() - end_ < size)) {
    std::copy(buffer_.begin() + static_cast<ptrdiff_t>(start_), buffer_.begin() + static_cast<ptrdiff_t>(end_),
              buffer_.begin());
    end_ -= start_;
    start_ = 0;
  }
  if (buffer_.size() - end_ < size) buffer_.resize(std::max(end_ + size, buffer_.size() * 2));
  return std::span<uint8_t>(buffer_).subspan(end_);
}

StatusOr<std::optional<Frame>> FrameReader::Next() {
  constexpr size_t kHead = 5;
  const ByteSpan present = ByteSpan(buffer_).subspan(start_, end_ - start_);
  if (present.size() < kHead) return std::optional<Frame>();
  WireReader in(present);
  const size_t length = in.U32();
  if (length == 0 || length > kMaxFrame)
    return DataLoss("a frame of {} octets; at most {} are expected", length, kMaxFrame);
  if (present.size() < 4 + length) return std::optional<Frame>();
  Frame frame;
  frame.type = static_cast<FrameType>(in.U8());
  frame.payload = ToBytes(in.Fixed(length - 1));
  start_ += 4 + length;
  return std::optional<Frame>(std::move(frame));
}

}  // namespace smki::hsm
