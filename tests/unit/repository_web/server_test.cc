// What the server makes of HTTP, with real sockets.
#include "repository/web/server.h"

#include "tests/unit/repository_web/raw_client.h"

namespace smki::repository::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  Start();
  RawClient client(address());
  for (int i = 0; i < 3; ++i) {
    const HttpReply found = client.Ask(Post(kSearchPath, DeviceSearch()));
    EXPECT_EQ(found.status, 200);
    EXPECT_THAT(found.body, HasSubstr("<CertificateSerial>4DF56E92</CertificateSerial>"));
    EXPECT_THAT(found.head, HasSubstr("Content-Type: application/xml; charset=utf-8\r\n"));
    EXPECT_EQ(client.Ask(Post(kRetrievePath, DataXml("1"))).status, 402);
    EXPECT_EQ(client.Ask(Post(kRetrievePath, DataXml("hello"))).status, 401);
    EXPECT_EQ(client.Ask("GET /other HTTP/1.1\r\nHost: r\r\n\r\n").status, 404);
  }
}

TEST_F(ServerTest, RequestsSentAheadAreAnsweredInTheirOrder) {
  Start();
  RawClient client(address());
  std::string ahead;
  for (int i = 0; i < 50; ++i) {
    ahead +=
        Post(kRetrievePath, DataXml("469afec2")) + kHealth + Post(kSearchPath, DeviceSearch("00-00-00-00-00-00-00-01"));
  }
  ASSERT_TRUE(client.Send(ahead));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.Read().body, HasSubstr("469AFEC2"));
    EXPECT_THAT(client.Read().body, HasSubstr("certificates 2"));
    EXPECT_EQ(client.Read().status, 402);
  }
}

TEST_F(ServerTest, ARequestMayComeInSingleOctets) {
  Start();
  RawClient client(address());
  for (const char octet : Post(kSearchPath, DeviceSearch())) ASSERT_TRUE(client.Send({&octet, 1}));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(ServerTest, ABodyMayComeInChunks) {
  Start();
  RawClient client(address());
  const std::string body = DeviceSearch();
  const std::string head = "POST /services/certificatesearch HTTP/1.1\r\nHost: r\r\nContent-Type: application/xml\r\n";
  EXPECT_EQ(
      client.Ask(head + fmt::format("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body))
          .status,
      200);
}

TEST_F(ServerTest, AClientThatAsksWhetherToGoOnIsToldSo) {
  Start();
  RawClient client(address());
  const std::string body = DeviceSearch(), request = Post(kSearchPath, body, "Expect: 100-continue\r\n");
  EXPECT_EQ(client.Ask(request.substr(0, request.size() - body.size())).status, 100);
  EXPECT_EQ(client.Ask(body).status, 200);
  EXPECT_EQ(client.Ask(Post(kSearchPath, body, "Expect: miracles\r\n")).status, 417);
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  Start();
  RawClient client(address());
  ASSERT_TRUE(client.Send("HEAD /health HTTP/1.1\r\nHost: r\r\n\r\n"));
  const HttpReply head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  const HttpReply get = client.Ask(kHealth);
  EXPECT_THAT(head.head, HasSubstr(fmt::format("Content-Length: {}\r\n", get.body.size())));
  EXPECT_EQ(get.status, 200) << "nothing of a body stood between the two answers";
}

TEST_F(ServerTest, ConnectionsThatAreToCloseAreClosed) {
  Start();
  for (const std::string request :
       {"GET /health HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n", "GET /health HTTP/1.0\r\n\r\n"}) {
    RawClient client(address());
    EXPECT_EQ(client.Ask(request).status, 200);
    EXPECT_TRUE(client.Ended());
  }
}

TEST_F(ServerTest, A405SaysWhatIsAllowed) {
  Start();
  RawClient client(address());
  const HttpReply reply = client.Ask("DELETE /services/certificatesearch HTTP/1.1\r\nHost: r\r\n\r\n");
  EXPECT_EQ(reply.status, 405);
  EXPECT_THAT(reply.head, HasSubstr("Allow: POST\r\n"));
}

TEST_F(ServerTest, WhatIsTooLargeOrNoHttpIsRefusedAndEndsTheConnection) {
  Start();
  const std::string chunked = "POST /services/certificatesearch HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n";
  std::string headers;
  for (int i = 0; i < 1000; ++i) headers += fmt::format("X-{}: 1\r\n", i);
  std::string trailers, extensions;
  for (int i = 0; i < 30'000; ++i) trailers += fmt::format("X-{}: 1\r\n", i);
  for (int i = 0; i < 300; ++i) extensions += "1;" + std::string(1000, 'x') + "\r\nx\r\n";
  struct Case {
    const char* name;
    std::string request;
    int status;
  };
  const std::vector<Case> table = {
      {"body", Post(kSearchPath, std::string(kMaxRequestBody + 1, ' ')), 413},
      {"announced body", "POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 99999999999\r\n\r\n", 413},
      {"body in chunks", chunked + "\r\n11000\r\n" + std::string(0x11000, ' ') + "\r\n0\r\n\r\n", 413},
      {"one long header", "GET /health HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 431},
      {"a header without end", "GET /health HTTP/1.1\r\nX: " + std::string(200'000, 'x'), 431},
      {"many headers", "GET /health HTTP/1.1\r\n" + headers + "\r\n", 431},
      {"trailers without end", chunked + "\r\n1\r\nx\r\n0\r\n" + trailers, 413},
      {"long chunk headers", chunked + "\r\n" + extensions, 413},
      {"long target", "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n", 431},
      {"no HTTP", "hello\r\n\r\n", 400},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(300, '\0'), 400},
      {"no such version", "GET /health HTTP/3.0\r\n\r\n", 400},
      {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"length and chunks", chunked + "Content-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"chunks and length", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"folded header", "GET /health HTTP/1.1\r\nX : 1\r\n\r\n", 400},
      {"no length", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
  };
  for (const Case& one : table) {
    SCOPED_TRACE(one.name);
    RawClient client(address());
    client.Send(one.request);
    client.Send(kHealth);  // must not be answered: it could be part of another's request
    const HttpReply reply = client.Read();
    EXPECT_EQ(reply.status, one.status) << reply.head;
    EXPECT_THAT(reply.body, HasSubstr("audit reference"));
    EXPECT_THAT(reply.head, HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.Ended());
  }
}

TEST_F(ServerTest, TheLargestBodyIsRead) {
  Start();
  RawClient client(address());
  EXPECT_EQ(
      client.Ask(Post(kSearchPath, DeviceSearch() + std::string(kMaxRequestBody - DeviceSearch().size(), ' '))).status,
      200);
}

TEST_F(ServerTest, AStoreFaultIsAnsweredWithTheReferenceThatTheLogExplains) {
  store_->before_look_up = [] { return DataLoss("/srv/s: the record at octet 7 was changed"); };
  Start();
  RawClient client(address());
  const HttpReply reply = client.Ask(Post(kSearchPath, DeviceSearch()));
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, Not(HasSubstr("srv")));
  const std::string reference = access_.Lines(1).front().audit_reference;
  EXPECT_THAT(reply.body, HasSubstr(reference));
  EXPECT_THAT(log(), HasSubstr(reference + " failed: /srv/s: the record at octet 7 was changed"));
  EXPECT_EQ(client.Ask(kHealth).status, 200);
}

TEST_F(ServerTest, TheAccessLogHasEveryRequest) {
  Start();
  RawClient client(address());
  const HttpReply reply = client.Ask(Post(std::string(kSearchPath) + "?apikey=secret", DeviceSearch()));
  client.Ask("nonsense\r\n\r\n");
  const std::vector<Access> lines = access_.Lines(2);
  EXPECT_EQ(lines[0].path, kSearchPath) << "without the caller's key";
  EXPECT_EQ(lines[0].method, "POST");
  EXPECT_EQ(lines[0].status, 200u);
  EXPECT_EQ(lines[0].octets, reply.body.size());
  EXPECT_THAT(lines[0].peer, HasSubstr("127.0.0.1:"));
  EXPECT_THAT(reply.body, HasSubstr(lines[0].audit_reference));
  EXPECT_EQ(lines[1].status, 400u);
  EXPECT_NE(lines[1].audit_reference, lines[0].audit_reference);
}

TEST_F(ServerTest, AnAccessLogThatTakesNoMoreIsSaidOnceAndTheServiceGoesOn) {
  access_.takes_lines = false;
  Start();
  RawClient client(address());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Ask(kHealth).status, 200);
  access_.Lines(3);
  EXPECT_EQ(log(), "the access log takes no more lines; the service goes on\n");
}

TEST_F(ServerTest, AConnectionTooManyIsRefusedAtOnce) {
  options_.limits.connections = 2;
  Start();
  auto first = std::make_unique<RawClient>(address());
  RawClient second(address());
  EXPECT_EQ(first->Ask(kHealth).status, 200);
  EXPECT_EQ(second.Ask(kHealth).status, 200);
  for (int i = 0; i < 3; ++i) {
    RawClient third(address());
    EXPECT_EQ(third.Read().status, 503);
    EXPECT_TRUE(third.Ended());
  }
  EXPECT_EQ(second.Ask(kHealth).status, 200) << "who is in stays in";
  first.reset();
  // The server sees the end a moment later; a place that never came free would go on giving 503.
  int status = 503;
  for (int tries = 0; tries < 10'000 && status == 503; ++tries) {
    RawClient next(address());
    next.Send(kHealth);
    status = next.Read().status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(ServerTest, ListensOnlyWhereItCanAndWasTold) {
  for (const std::string text : {"", "8083", "localhost:8083", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                                 "127.0.0.1:65536", "127.0.0.1:80 ", "::1:8083", "[127.0.0.1]:80"}) {
    options_.listen = text;
    const auto server = Server::Start(options_);
    EXPECT_EQ(server.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(server.status()), HasSubstr("expected for example 127.0.0.1:8083"));
  }
  options_.listen = "127.0.0.1:0";
  Start();
  EXPECT_THAT(address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  options_.listen = address();
  EXPECT_EQ(Server::Start(options_).status().code(), StatusCode::kUnavailable) << "the port is taken";
  for (const unsigned threads : {0u, 65u}) {
    options_.threads = threads;
    EXPECT_EQ(Server::Start(options_).status().code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace smki::repository::web
