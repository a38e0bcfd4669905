// Messages between machines: late, lost, twice, overtaking each other, cut off. What gRPC promises holds
// (base/transport.h): a call is answered once, with kDeadlineExceeded after its deadline; it waits for a server that is
// away; a stream is in order until it breaks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/transport.h"
#include "tests/simulation/world/clockwork.h"
#include "tests/simulation/world/fates.h"

namespace smki::simulation {

// What a server does with calls; everything in its own process.
class Server {
 public:
  using Reply = std::function<void(StatusOr<std::string>)>;
  struct Call {
    std::string caller;  // the Common Name of its transport certificate
    std::string from;    // the machine it really comes from
    std::string method;  // "Sign"
    std::vector<std::string> messages;
  };
  virtual ~Server() = default;
  virtual void Serve(Call call, Reply reply) = 0;
  // A stream: any number of messages, then the end. `gone` tells whether the reader has left.
  struct Stream {
    std::function<void(std::string)> message;
    std::function<void(Status)> end;
    std::function<bool()> gone;
  };
  virtual void ServeStream(Call call, Stream stream) = 0;
};

class Network {
 public:
  Network(Clockwork& clockwork, Fates& fates) : clockwork_(clockwork), fates_(fates) {}

  // Somebody who can be called: `machine` is where it stands. The server is there while it lives.
  class Host {
   public:
    Host(std::string machine, Process& process) : machine_(std::move(machine)), process_(process) {}
    void Up(Server* server);
    // Its calls under way are cut off.
    void Down();

   private:
    friend class Network;
    struct Waiting {
      Nanos until;
      std::function<void()> arrive;
    };
    const std::string machine_;
    Process& process_;
    Server* server_ = nullptr;
    std::vector<Waiting> waiting_;
    uint64_t next_ = 1;
    std::map<uint64_t, std::function<void()>> cut_;  // calls under way
  };

  // A client's way to a host. `caller` as the host sees it.
  std::unique_ptr<Transport> Connect(Process& client, std::string client_machine, std::string caller, Host& host);

  // Told of each call that arrives and each answer that leaves, in the server's process.
  std::function<void(const Host&, const Server::Call&)> on_request;
  std::function<void(const Host&, const Server::Call&, const StatusOr<std::string>&)> on_answer;

 private:
  class Way;
  struct Pending;
  bool Cut(const std::string& a, const std::string& b);
  Nanos Delay(const std::string& place);
  void Arrive(const std::shared_ptr<Pending>& pending, bool again);

  Clockwork& clockwork_;
  Fates& fates_;
  std::map<std::pair<std::string, std::string>, Nanos> partitions_;
};

}  // namespace smki::simulation
