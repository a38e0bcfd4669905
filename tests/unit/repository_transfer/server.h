// A real OpenSSH server on loopback, with host key, user key and folder of its own, behind a Proxy.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy.h"
#include "repository/transfer/access.h"
#include "repository/transfer/fetch.h"
#include "sim/scenario/process.h"
#include "tests/unit/ledger/scratch.h"

namespace smki::repository::transfer::test {

inline constexpr char kSshd[] = "/usr/sbin/sshd";

class Server {
 public:
  // `more`: lines for sshd_config, before the usual ones (of two, the first counts).
  explicit Server(std::string more = "");
  ~Server() { Kill(); }

  // kill -9 of the server and of every process that serves a connection.
  void Kill();
  void Start();
  std::string Log() const;

  std::string Url(const std::string& path = "") const;
  std::string Fingerprint() const;
  std::string host_key() const { return scratch_ / "host"; }
  std::string user_key() const { return scratch_ / "user"; }
  std::string folder() const { return scratch_ / "remote"; }
  std::string operator/(const std::string& name) const { return folder() + "/" + name; }
  Access MakeAccess() const;

  Proxy proxy;

 private:
  Scratch scratch_;
  const std::string more_;
  std::unique_ptr<sim::Process> process_;
};

// ssh-keygen.
void MakeKey(const std::string& path, const std::string& passphrase = "", const std::string& type = "ed25519");
StatusOr<ClientKey> LoadKey(const std::string& path, const AskPassphrase& ask = {});

// `size` octets of noise, in gzip with their name inside; a little larger than `size`. The noise follows from `seed`.
void PutGzip(const std::string& path, size_t size, uint64_t seed = 1);
std::string ReadAll(const std::string& path);
void WriteAll(const std::string& path, const std::string& content);
void SetTime(const std::string& path, int64_t seconds);
uint64_t SizeOf(const std::string& path);
bool Exists(const std::string& path);

class TransferTest : public ::testing::Test {
 protected:
  void SetUp() override;
  FetchOptions Options() const;
  // Of a run in which only one file is fetched.
  static FetchedFile Only(const StatusOr<FetchReport>& report);
  std::string To(const std::string& name) const { return to_ + "/" + name; }

  static constexpr char kFull[] = "SMKIKR_FULL_2026-11-15.xml.gz";
  static constexpr char kDelta[] = "SMKIKR_DELT_2026-11-16.xml.gz";
  static constexpr char kList[] = "SMKI_ORGANISATION_CRL.crl.gz";

  std::unique_ptr<Server> server_;
  Scratch scratch_;
  const std::string to_ = scratch_ / "to";
};

}  // namespace smki::repository::transfer::test
