// Clients that would hold a connection for ever. Each test waits for the server to end it, never for a time.
#include "tests/unit/repository_web/raw_client.h"

namespace smki::repository::web {
namespace {

constexpr char kTooLate[] = "the request was not complete in time";

class SlowClientTest : public ServerTest {
 protected:
  // What a slow client sends, an octet now and then, until the server ends it.
  void Drip(RawClient& client, const std::string& octet) {
    const auto most = kPatience / Millis(5);
    for (int i = 0; i < most && !client.Readable(Millis(5)); ++i) client.Send(octet);
    EXPECT_TRUE(client.Ended());
  }
  void ExpectDropped(const std::string& why) {
    const Access line = access_.Lines(1).front();
    EXPECT_EQ(line.dropped, why);
    EXPECT_FALSE(line.audit_reference.empty());
  }
};

TEST_F(SlowClientTest, AHeaderThatDoesNotEndIsDropped) {
  options_.limits.request_time = kSoon;
  Start();
  RawClient client(address());
  ASSERT_TRUE(client.Send("POST /services/certificatesearch HTTP/1.1\r\n"));
  EXPECT_TRUE(client.Ended());
  ExpectDropped(kTooLate);
}

TEST_F(SlowClientTest, AHeaderThatComesInDripsIsDroppedAllTheSame) {
  options_.limits.request_time = kSoon;
  Start();
  RawClient client(address());
  ASSERT_TRUE(client.Send("POST /services/certificatesearch HTTP/1.1\r\nX: "));
  Drip(client, "x");
  ExpectDropped(kTooLate);
}

TEST_F(SlowClientTest, ABodyThatComesInDripsIsDropped) {
  options_.limits.request_time = kSoon;
  Start();
  RawClient client(address());
  ASSERT_TRUE(client.Send(
      "POST /services/certificatesearch HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 60000\r\n\r\n"));
  Drip(client, " ");
  ExpectDropped(kTooLate);
  EXPECT_EQ(access_.Lines(1).front().path, kSearchPath);
}

TEST_F(SlowClientTest, TheTimeOfARequestIsItsOwn) {
  options_.limits.request_time = Millis(500);
  options_.limits.idle_time = kPatience;
  Start();
  RawClient client(address());
  // Together longer than one may take.
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(client.Readable(Millis(100)));
    EXPECT_EQ(client.Ask(kHealth).status, 200);
  }
}

TEST_F(SlowClientTest, AConnectionWithoutARequestIsClosed) {
  options_.limits.idle_time = kSoon;
  Start();
  RawClient silent(address()), satisfied(address());
  EXPECT_EQ(satisfied.Ask(kHealth).status, 200);
  EXPECT_TRUE(silent.Ended());
  EXPECT_TRUE(satisfied.Ended());
  EXPECT_EQ(access_.Lines(1).size(), 1u) << "nobody was dropped";
}

TEST_F(SlowClientTest, AnAnswerThatIsNotTakenIsDropped) {
  CertificateRecord large = Device(kMeter, "05");
  large.der = Bytes(12 << 20, 1);  // more than the kernel keeps for both
  store_ = std::make_shared<ListStore>(std::vector{large});
  options_.limits.answer_time = kSoon;
  Start();
  RawClient client(address(), 64 << 10);
  ASSERT_TRUE(client.Send(Post(kRetrievePath, DataXml("5"))));
  ExpectDropped("the answer was not taken in time");
  EXPECT_EQ(client.Read().status, 0) << "the answer is not whole";
  RawClient other(address());
  EXPECT_EQ(other.Ask(kHealth).status, 200);
}

TEST_F(SlowClientTest, AClientThatDoesNotCloseIsNotWaitedFor) {
  options_.limits.linger_time = kSoon;
  Start();
  RawClient client(address());
  EXPECT_EQ(client.Ask("nonsense\r\n\r\n").status, 400);
  EXPECT_TRUE(client.Ended());
  // Its end of the connection is still open; the server has ended its own when nothing sent is taken any more.
  const auto most = kPatience / Millis(5);
  int i = 0;
  while (i < most && client.Send("x")) {
    ::poll(nullptr, 0, 5);
    ++i;
  }
  EXPECT_LT(i, most);
}

}  // namespace
}  // namespace smki::repository::web
