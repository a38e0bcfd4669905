#include <future>

#include "tests/unit/repository_web/raw_client.h"

namespace smki::repository::web {
namespace {

class StopTest : public ServerTest {
 protected:
  // A look-up says that it has begun and waits to be let go.
  void HoldLookUps() {
    store_->before_look_up = [this] {
      begun_.set_value();
      go_.get_future().wait();
      return OkStatus();
    };
  }
  std::promise<void> begun_, go_;
};

TEST_F(StopTest, ARequestUnderWayIsAnsweredAndNoOtherBegins) {
  HoldLookUps();
  Start();
  RawClient client(address()), idle(address());
  EXPECT_EQ(idle.Ask(kHealth).status, 200);
  ASSERT_TRUE(client.Send(Post(kSearchPath, DeviceSearch()) + kHealth));
  begun_.get_future().wait();
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  EXPECT_TRUE(idle.Ended());
  EXPECT_EQ(stopped.wait_for(Millis(0)), std::future_status::timeout) << "a request is under way";
  go_.set_value();
  const HttpReply reply = client.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.head, ::testing::HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(client.Ended());
  stopped.wait();
  EXPECT_FALSE(RawClient(address()).connected());
}

TEST_F(StopTest, ARequestThatIsHalfThereMayStillComplete) {
  Start();
  RawClient client(address());
  const std::string request = Post(kSearchPath, DeviceSearch(), "Expect: 100-continue\r\n");
  const std::string body = DeviceSearch();
  EXPECT_EQ(client.Ask(request.substr(0, request.size() - body.size())).status, 100);  // so it has begun
  RawClient idle(address());
  EXPECT_EQ(idle.Ask(kHealth).status, 200);
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  EXPECT_TRUE(idle.Ended());
  EXPECT_EQ(client.Ask(body).status, 200);
  EXPECT_TRUE(client.Ended());
}

TEST_F(StopTest, NoRequestBeginsBehindAnAnswerThatWasOnItsWay) {
  CertificateRecord large = Device(kMeter, "05");
  large.der = Bytes(12 << 20, 1);  // more than the kernel keeps for both
  store_ = std::make_shared<ListStore>(std::vector{large});
  options_.limits.stop_time = kPatience * 10;
  Start();
  RawClient client(address(), 64 << 10), idle(address());
  EXPECT_EQ(idle.Ask(kHealth).status, 200);
  ASSERT_TRUE(client.Send(Post(kRetrievePath, DataXml("5")) + kHealth));
  EXPECT_TRUE(client.Readable());
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  EXPECT_TRUE(idle.Ended());
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.Ended());
}

TEST_F(StopTest, WhatDoesNotEndIsDropped) {
  options_.limits.stop_time = kSoon;
  Start();
  RawClient client(address());
  ASSERT_EQ(client.Ask(kHealth).status, 200);
  ASSERT_TRUE(
      client.Send("POST /services/certificatesearch HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 100);
  server_->Stop();
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(access_.Lines(2)[1].dropped, "the client went away");
}

TEST_F(StopTest, AServerThatNobodyStopsStopsAtItsEnd) {
  Start();
  RawClient client(address());
  ASSERT_EQ(client.Ask(kHealth).status, 200);
  server_.reset();
  EXPECT_TRUE(client.Ended());
}

}  // namespace
}  // namespace smki::repository::web
