#include "hsm/signer/frames.h"

#include <gtest/gtest.h>

namespace smki::hsm {
namespace {

// The frames in `stream`, fed in pieces of `piece` octets.
std::vector<Frame> Cut(const Bytes& stream, size_t piece) {
  FrameReader reader;
  std::vector<Frame> out;
  for (size_t at = 0; at < stream.size(); at += piece) {
    const ByteSpan next = ByteSpan(stream).subspan(at, std::min(piece, stream.size() - at));
    std::copy(next.begin(), next.end(), reader.Room(next.size()).begin());
    reader.Filled(next.size());
    while (true) {
      auto frame = reader.Next();
      EXPECT_TRUE(frame.ok());
      if (!*frame) break;
      out.push_back(*std::move(*frame));
    }
  }
  return out;
}

SignFrame Example() {
  return {Digest{1, 2}, "esme", {{Eui64(7), 1}, {Eui64(8), 3}}, 99, Digest{3}};
}

TEST(Frames, AreReadBackAsWrittenHoweverTheyArrive) {
  Bytes stream = MakeFrame(FrameType::kSign, Example());
  Append(stream, MakeFrame(FrameType::kStatus, EmptyFrame{}));
  Append(stream, MakeFrame(FrameType::kSign, Example()));
  for (const size_t piece : {size_t{1}, size_t{7}, stream.size()}) {
    const std::vector<Frame> frames = Cut(stream, piece);
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[1].type, FrameType::kStatus);
    EXPECT_TRUE(frames[1].payload.empty());
    const auto sign = DecodePayload<SignFrame>(frames[2].payload);
    ASSERT_TRUE(sign.ok()) << sign.status();
    EXPECT_EQ(sign->group, "esme");
    EXPECT_EQ(sign->ledger_sequence, 99u);
    ASSERT_EQ(sign->items.size(), 2u);
    EXPECT_EQ(sign->items[1].device, Eui64(8));
    EXPECT_EQ(sign->items[1].attempt, 3u);
  }
}

TEST(Frames, RefusePayloadsThatDoNotFit) {
  const Bytes whole = MakeFrame(FrameType::kSign, Example());
  const ByteSpan payload = ByteSpan(whole).subspan(5);
  for (size_t cut = 0; cut < payload.size(); ++cut) EXPECT_FALSE(DecodePayload<SignFrame>(payload.first(cut)).ok());
  Bytes longer = ToBytes(payload);
  longer.push_back(0);
  EXPECT_FALSE(DecodePayload<SignFrame>(longer).ok());
  // A list that claims more items than were sent.
  Bytes lie = ToBytes(payload);
  lie[32 + 4 + 4] = 0xFF;
  EXPECT_FALSE(DecodePayload<SignFrame>(lie).ok());
}

TEST(Frames, RefuseLengthsOutOfRange) {
  for (const Bytes& head : {Bytes{0, 0, 0, 0, 1}, Bytes{0xFF, 0, 0, 0, 1}}) {
    FrameReader reader;
    std::copy(head.begin(), head.end(), reader.Room(head.size()).begin());
    reader.Filled(head.size());
    EXPECT_EQ(reader.Next().status().code(), StatusCode::kDataLoss);
  }
}

TEST(Frames, CarryErrorsWithTheirReason) {
  const Status status = WithReason(FailedPrecondition("KEY_CLOSED: it is closed"), "KEY_CLOSED");
  const auto error = DecodePayload<ErrorFrame>(ByteSpan(MakeErrorFrame(status)).subspan(5));
  ASSERT_TRUE(error.ok());
  EXPECT_EQ(StatusOf(*error).code(), status.code());
  EXPECT_EQ(Message(StatusOf(*error)), Message(status));
  EXPECT_EQ(ReasonOf(StatusOf(*error)), "KEY_CLOSED");
}

}  // namespace
}  // namespace smki::hsm
