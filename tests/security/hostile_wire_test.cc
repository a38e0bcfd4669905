// A taken orchestrator at the wire: under certificates that are none, and with octets that are no gRPC at all.
#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "proto/rpc/status.h"
#include "tests/security/hostile.h"

namespace smki::test {
namespace {

const char kEsme[] = "supplier-a-esme";

class WireAttacks : public Attacks {};

TEST_P(WireAttacks, I10_IsRepelled) {
  ExpectRepelled(GetParam());
}

// --- Certificates that are none ---

// Calls GetStatus with these credentials on both listeners.
Status CallWith(TakenOrchestrator& host, const rpc::TlsMaterial& tls) {
  const auto channel = rpc::MakeChannel(host.keyguard().listen(), tls);
  kg::Status response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  return rpc::FromGrpc(kg::Keyguard::NewStub(channel)->GetStatus(&context, {}, &response));
}

struct Credentials {
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  UtcTime now{SystemClock().Now().ms / 1000 * 1000};

  // A transport certificate of `name`, from the estate's own transport authority or from one of the same name.
  rpc::TlsMaterial Issue(TakenOrchestrator& host, const std::string& name, bool genuine, UtcTime from, UtcTime to) {
    const pki::Certificate authority = host.estate().Certificate("tls/ca.pem");
    pki::PrivateKey issuer = genuine ? SMKI_MUST(pki::PrivateKey::FromPem(host.estate().Read("tls/ca.key.pem")))
                                     : SMKI_MUST(pki::PrivateKey::Generate());
    const pki::Certificate certificate =
        SMKI_MUST(pki::IssuePersonCertificate({&issuer, authority.subject}, name, "Forgers", key.public_key(),
                                              pki::kDigitalSignature, SystemRandom().Take(16), from, to, /*tls=*/true));
    return {authority.ToPem(), certificate.ToPem(), ToString(key.ToPem().span())};
  }
};
constexpr Millis kDay{24 * 3600 * 1000};

Attack Present(const std::string& name, const std::function<Status(TakenOrchestrator&, Credentials&)>& attempt) {
  return {name, "", "",
          [attempt](TakenOrchestrator& host) {
            Credentials credentials;
            return attempt(host, credentials);
          },
          "Handshake failed"};
}

const Attack kCredentials[] = {
    Present("ACertificateOfAnAuthorityOfItsOwn",
            [](TakenOrchestrator& host, Credentials& c) {
              return CallWith(host, c.Issue(host, "orchestrator", false, c.now - kDay, c.now + kDay));
            }),
    Present("ACertificateThatHasExpired",
            [](TakenOrchestrator& host, Credentials& c) {
              return CallWith(host, c.Issue(host, "orchestrator", true, c.now - kDay * 2, c.now - kDay));
            }),
    Present("ACertificateThatIsNotYetValid",
            [](TakenOrchestrator& host, Credentials& c) {
              return CallWith(host, c.Issue(host, "orchestrator", true, c.now + kDay, c.now + kDay * 2));
            }),
    Present("APersonsSigningCertificate",
            [](TakenOrchestrator& host, Credentials&) {
              return CallWith(host,
                              {host.estate().Read("tls/ca.pem"), host.estate().Read("persons/anna.pma/sign.crt.pem"),
                               host.estate().Read("persons/anna.pma/sign.key.pem")});
            }),
    Present("ThePlainIdentityOfTheOrchestrator",
            [](TakenOrchestrator& host, Credentials&) {
              return CallWith(host,
                              {host.estate().Read("tls/ca.pem"), host.estate().Read("orchestrator/identity.crt.pem"),
                               host.estate().Read("orchestrator/identity.key.pem")});
            }),
    Present("NoCertificate",
            [](TakenOrchestrator& host, Credentials&) {
              return CallWith(host, {host.estate().Read("tls/ca.pem"), "", ""});
            }),
    Present("NoTls",
            [](TakenOrchestrator& host, Credentials&) {
              const auto stub = kg::Keyguard::NewStub(
                  grpc::CreateChannel(host.keyguard().listen(), grpc::InsecureChannelCredentials()));
              grpc::ClientContext context;
              context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
              kg::Status response;
              return rpc::FromGrpc(stub->GetStatus(&context, {}, &response));
            }),
    // Genuine certificates of other names, which only look like the orchestrator's.
    {"TheOrchestratorInCapitals", "NOT_PERMITTED", "'Orchestrator'",
     [](TakenOrchestrator& host) {
       Credentials c;
       return CallWith(host, c.Issue(host, "Orchestrator", true, c.now - kDay, c.now + kDay));
     }},
    {"TheOrchestratorWithASpace", "NOT_PERMITTED", "'orchestrator '",
     [](TakenOrchestrator& host) {
       Credentials c;
       return CallWith(host, c.Issue(host, "orchestrator ", true, c.now - kDay, c.now + kDay));
     }},
};

// --- No gRPC at all ---

// A connection under the orchestrator's certificate that sends whatever it likes, and is then closed.
class RawConnection {
 public:
  explicit RawConnection(TakenOrchestrator& host) {
    Estate& estate = host.estate();
    const std::string command = "openssl s_client -connect " + host.keyguard().listen() +
                                " -alpn h2 -quiet -no_ign_eof -CAfile " + estate.Path("tls/ca.pem") + " -cert " +
                                estate.Path("tls/orchestrator.crt.pem") + " -key " +
                                estate.Path("tls/orchestrator.key.pem") + " >" + estate.Path("raw.out") + " 2>&1";
    pipe_ = ::popen(command.c_str(), "w");
    if (pipe_ == nullptr) Fatal("popen", Unavailable("{}", command));
  }
  ~RawConnection() { ::pclose(pipe_); }
  void Send(const std::string& octets) {
    std::fwrite(octets.data(), 1, octets.size(), pipe_);
    std::fflush(pipe_);
  }

 private:
  FILE* pipe_;
};

// RFC 9113: the client's preface, and a frame.
const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload,
                       std::optional<uint32_t> claimed = std::nullopt) {
  const auto size = claimed.value_or(static_cast<uint32_t>(payload.size()));
  std::string out;
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(size >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(stream >> shift));
  return out + payload;
}
constexpr uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
// HPACK (RFC 7541): literal fields without indexing.
std::string Literal(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
}
std::string CallHeaders(const std::string& path) {
  return Literal(":method", "POST") + Literal(":scheme", "https") + Literal(":path", path) +
         Literal(":authority", "localhost") + Literal("te", "trailers") + Literal("content-type", "application/grpc");
}
const std::string kSignPath = "/smki.keyguard.v1.Keyguard/Sign";
const std::string kPreparePath = "/smki.keyguard.v1.Keyguard/Prepare";
std::string Opening() {
  return kPreface + Http2Frame(kSettings, 0, 0, "");
}

// What never becomes a request can leave no refusal: all that counts is that the keyguard is as before.
Attack Raw(const std::string& name, const std::function<void(TakenOrchestrator&, RawConnection&)>& speak) {
  return {name, "", "", [speak](TakenOrchestrator& host) {
            RawConnection connection(host);
            speak(host, connection);
            host.ExpectUnharmed();  // while the connection is still there
            return OkStatus();
          }};
}

const Attack kRaw[] = {
    Raw("Noise", [](TakenOrchestrator&, RawConnection& c) { c.Send(std::string(4096, '\xA5')); }),
    Raw("AWebBrowser",
        [](TakenOrchestrator&, RawConnection& c) { c.Send("GET / HTTP/1.1\r\nHost: keyguard\r\n\r\n"); }),
    Raw("ThePrefaceOneOctetAtATime",
        [](TakenOrchestrator&, RawConnection& c) {
          for (const char octet : Opening()) c.Send(std::string(1, octet));
        }),
    Raw("HalfAPreface", [](TakenOrchestrator&, RawConnection& c) { c.Send(kPreface.substr(0, 10)); }),
    Raw("AFrameThatClaims16MiB",
        [](TakenOrchestrator&, RawConnection& c) { c.Send(Opening() + Http2Frame(kData, 0, 1, "x", 0xFFFFFF)); }),
    Raw("AFrameOfNoStream",
        [](TakenOrchestrator&, RawConnection& c) { c.Send(Opening() + Http2Frame(kData, 0, 99, "data")); }),
    Raw("HeadersThatNeverEnd",
        [](TakenOrchestrator&, RawConnection& c) {
          c.Send(Opening() + Http2Frame(kHeaders, 0, 1, CallHeaders(kSignPath)));
        }),
    Raw("HalfClosedWithoutAMessage",
        [](TakenOrchestrator&, RawConnection& c) {
          c.Send(Opening() + Http2Frame(kHeaders, kEndHeaders | kEndStream, 1, CallHeaders(kSignPath)));
        }),
    Raw("HalfAMessageAndSilence",
        [](TakenOrchestrator&, RawConnection& c) {
          c.Send(Opening() + Http2Frame(kHeaders, kEndHeaders, 1, CallHeaders(kSignPath)) +
                 Http2Frame(kData, 0, 1, std::string("\0\0\0\1\0half", 9)));
        }),
    Raw("AMessageOneOctetAtATime",
        [](TakenOrchestrator& host, RawConnection& c) {
          const std::string request =
              Keyguard::MakeSignRequest(host.honest(), kEsme, {{Eui64(1), 1}}).SerializeAsString();
          std::string message("\0\0\0\0", 4);
          message.push_back(static_cast<char>(request.size()));
          message += request;
          c.Send(Opening() + Http2Frame(kHeaders, kEndHeaders, 1, CallHeaders(kSignPath)));
          for (const char octet : message) c.Send(Http2Frame(kData, 0, 1, std::string(1, octet)));
        }),
    Raw("AMessageThatIsNoProtobuf",
        [](TakenOrchestrator&, RawConnection& c) {
          c.Send(Opening() + Http2Frame(kHeaders, kEndHeaders, 1, CallHeaders(kSignPath)) +
                 Http2Frame(kData, kEndStream, 1, std::string("\0\0\0\0\4\xFF\xFF\xFF\xFF", 9)));
        }),
    Raw("AnUploadHalfClosedInTheMiddleOfAMessage",
        [](TakenOrchestrator&, RawConnection& c) {
          c.Send(Opening() + Http2Frame(kHeaders, kEndHeaders, 1, CallHeaders(kPreparePath)) +
                 Http2Frame(kData, kEndStream, 1, std::string("\0\0\0\1\0half", 9)));
        }),
    Raw("AThousandCallsBegunAndReset",
        [](TakenOrchestrator&, RawConnection& c) {
          std::string flood = Opening();
          for (uint32_t i = 0; i < 1000; ++i) {
            const uint32_t stream = 2 * i + 1;
            flood += Http2Frame(kHeaders, kEndHeaders, stream, CallHeaders(kPreparePath)) +
                     Http2Frame(kReset, 0, stream, std::string("\0\0\0\x08", 4));
          }
          c.Send(flood);
        }),
    Raw("TenThousandPings",
        [](TakenOrchestrator&, RawConnection& c) {
          std::string flood = Opening();
          for (int i = 0; i < 10'000; ++i) flood += Http2Frame(kPing, 0, 0, "12345678");
          c.Send(flood);
        }),
    {"TwoHundredConnectionsThatSayNothing", "", "",
     [](TakenOrchestrator& host) -> Status {
       const std::string& listen = host.keyguard().listen();
       sockaddr_in address{};
       address.sin_family = AF_INET;
       address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
       address.sin_port = htons(static_cast<uint16_t>(std::stoi(listen.substr(listen.rfind(':') + 1))));
       std::vector<int> sockets;
       for (int i = 0; i < 200; ++i) {
         sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
         EXPECT_EQ(::connect(sockets.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
       }
       host.ExpectUnharmed();
       for (const int fd : sockets) ::close(fd);
       return OkStatus();
     }},
};

INSTANTIATE_TEST_SUITE_P(Credentials, WireAttacks, ::testing::ValuesIn(kCredentials), NameOf);
INSTANTIATE_TEST_SUITE_P(Raw, WireAttacks, ::testing::ValuesIn(kRaw), NameOf);

}  // namespace
}  // namespace smki::test
