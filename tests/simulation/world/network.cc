#include "tests/simulation/world/network.h"

#include <algorithm>

namespace smki::simulation {
namespace {

constexpr uint64_t kUsualDelayMicros = 2'000;
constexpr uint64_t kLongDelayMillis = 60'000;
constexpr uint64_t kLongestPartition = 1'200'000;  // ms

std::string MethodOf(const std::string& full) {
  return full.substr(full.rfind('/') + 1);
}

}  // namespace

// --- hosts ---

void Network::Host::Up(Server* server) {
  server_ = server;
  std::vector<Waiting> waiting;
  waiting.swap(waiting_);
  for (Waiting& one : waiting) one.arrive();
}

void Network::Host::Down() {
  server_ = nullptr;
  std::map<uint64_t, std::function<void()>> cut;
  cut.swap(cut_);
  for (const auto& [id, end] : cut) end();
}

// --- calls ---

struct Network::Pending {
  Network& network;
  Process& client;
  uint64_t client_life;
  std::string client_machine;
  Host& host;
  Server::Call call;
  std::string place;
  Nanos until;
  Transport::Reply reply;
  bool answered = false;

  // In the client's process; once.
  void Answer(Nanos delay, StatusOr<std::string> result, const std::shared_ptr<Pending>& self) {
    if (client.life() != client_life) return;
    client.Deliver(delay, [self, result = std::move(result)]() mutable {
      if (std::exchange(self->answered, true)) return;
      const Transport::Reply reply = std::move(self->reply);
      self->reply = nullptr;
      reply(std::move(result));
    });
  }
};

bool Network::Cut(const std::string& a, const std::string& b) {
  const auto pair = std::minmax(a, b);
  const std::pair<std::string, std::string> key(pair.first, pair.second);
  const auto found = partitions_.find(key);
  if (found != partitions_.end() && clockwork_.elapsed() < found->second && !fates_.stopped()) return true;
  const std::string place = key.first + " - " + key.second;
  if (!fates_.Strikes(Fault::kPartition, place)) return false;
  partitions_[key] = clockwork_.elapsed() + Millis(1'000 + fates_.Draw(place, kLongestPartition));
  return true;
}

Nanos Network::Delay(const std::string& place) {
  const Nanos usual = std::chrono::microseconds(100 + fates_.Draw(place, kUsualDelayMicros));
  if (!fates_.Strikes(Fault::kDelayed, place)) return usual;
  return usual + Millis(fates_.Draw(place, kLongDelayMillis));
}

// At the server's machine. Without a server it waits for one (gRPC's wait_for_ready).
void Network::Arrive(const std::shared_ptr<Pending>& pending, bool again) {
  Host& host = pending->host;
  if (clockwork_.elapsed() > pending->until) return;
  if (host.server_ == nullptr) {
    host.waiting_.push_back({pending->until, [this, pending, again] { Arrive(pending, again); }});
    return;
  }
  host.process_.Deliver(Nanos(0), [this, pending, again] {
    Host& at = pending->host;
    if (at.server_ == nullptr) return;
    if (on_request) on_request(at, pending->call);
    const uint64_t id = at.next_++;
    if (!again) {
      at.cut_[id] = [this, pending] {
        pending->Answer(Delay(pending->place), Unavailable("connection reset by {}", pending->host.machine_), pending);
      };
    }
    at.server_->Serve(
        pending->call, [this, pending, id, again, life = at.process_.life()](StatusOr<std::string> result) {
          Host& from = pending->host;
          if (from.process_.life() != life || from.process_.ghost()) return;
          from.cut_.erase(id);
          if (on_answer) on_answer(from, pending->call, result);
          if (again) return;
          if (fates_.Strikes(Fault::kReplyLost, pending->place) || Cut(pending->client_machine, from.machine_)) return;
          pending->Answer(Delay(pending->place), std::move(result), pending);
        });
  });
}

// --- the client's side ---

class Network::Way : public Transport {
 public:
  Way(Network& network, Process& client, std::string machine, std::string caller, Host& host)
      : network_(network), client_(client), machine_(std::move(machine)), caller_(std::move(caller)), host_(host) {}

  void Call(const std::string& method, std::string request, Millis deadline, Reply reply) override {
    std::vector<std::string> messages;
    messages.push_back(std::move(request));
    Upload(method, std::move(messages), deadline, std::move(reply));
  }

  void Upload(const std::string& method, std::vector<std::string> messages, Millis deadline, Reply reply) override {
    if (client_.ghost()) return;
    const std::string place = machine_ + " " + MethodOf(method);
    const auto pending = std::make_shared<Pending>(Pending{network_,
                                                           client_,
                                                           client_.life(),
                                                           machine_,
                                                           host_,
                                                           {caller_, machine_, MethodOf(method), std::move(messages)},
                                                           place,
                                                           network_.clockwork_.elapsed() + deadline,
                                                           std::move(reply)});
    pending->Answer(deadline,
                    Error(StatusCode::kDeadlineExceeded, "{}: no answer within {} s", place, deadline.count() / 1000),
                    pending);
    Fates& fates = network_.fates_;
    if (fates.Strikes(Fault::kRequestLost, place) || network_.Cut(machine_, host_.machine_)) return;
    const bool twice = fates.Strikes(Fault::kRequestTwice, place);
    network_.clockwork_.After(network_.Delay(place),
                              [this_network = &network_, pending] { this_network->Arrive(pending, false); });
    if (!twice) return;
    network_.clockwork_.After(network_.Delay(place),
                              [this_network = &network_, pending] { this_network->Arrive(pending, true); });
  }

  std::unique_ptr<Watch> Open(const std::string& method, std::string request, OnMessage on_message,
                              OnEnd on_end) override;

 private:
  Network& network_;
  Process& client_;
  const std::string machine_, caller_;
  Host& host_;
};

namespace {

// Both ends of a stream. The messages arrive in order: each no earlier than the one before.
struct StreamState {
  Process& client;
  uint64_t client_life;
  Transport::OnMessage on_message;
  Transport::OnEnd on_end;
  Nanos newest{0};
  bool left = false;   // the reader
  bool ended = false;  // told the reader
};

class Handle : public Transport::Watch {
 public:
  explicit Handle(std::shared_ptr<StreamState> state) : state_(std::move(state)) {}
  ~Handle() override { state_->left = true; }

 private:
  std::shared_ptr<StreamState> state_;
};

void Bring(Clockwork& clockwork, const std::shared_ptr<StreamState>& state, Nanos delay, std::function<void()> what) {
  if (state->client.life() != state->client_life) return;
  state->newest = std::max(state->newest, clockwork.elapsed() + delay);
  state->client.Deliver(state->newest - clockwork.elapsed(), [state, what = std::move(what)] {
    if (!state->left && !state->ended) what();
  });
}

}  // namespace

std::unique_ptr<Transport::Watch> Network::Way::Open(const std::string& method, std::string request,
                                                     OnMessage on_message, OnEnd on_end) {
  auto state =
      std::make_shared<StreamState>(StreamState{client_, client_.life(), std::move(on_message), std::move(on_end)});
  auto handle = std::make_unique<Handle>(state);
  if (client_.ghost()) return handle;
  Network& network = network_;
  const std::string place = machine_ + " " + MethodOf(method);
  const auto end = [&network, state, place](Status status) {
    Bring(network.clockwork_, state, network.Delay(place), [state, status = std::move(status)] {
      state->ended = true;
      const Transport::OnEnd told = state->on_end;
      told(status);
    });
  };
  if (network.fates_.Strikes(Fault::kRequestLost, place) || network.Cut(machine_, host_.machine_)) {
    end(Unavailable("{}: connection refused", place));
    return handle;
  }
  Host& host = host_;
  const Server::Call call{caller_, machine_, MethodOf(method), {std::move(request)}};
  network.clockwork_.After(network.Delay(place), [&network, &host, state, end, call, place, machine = machine_] {
    if (host.server_ == nullptr || state->left) return end(Unavailable("{}: connection refused", place));
    host.process_.Deliver(Nanos(0), [&network, &host, state, end, call, place, machine] {
      if (host.server_ == nullptr) return end(Unavailable("{}: connection refused", place));
      if (network.on_request) network.on_request(host, call);
      const uint64_t id = host.next_++;
      auto broken = std::make_shared<bool>(false);
      const auto breaks = [broken, end](const std::string& why) {
        if (!std::exchange(*broken, true)) end(Unavailable("{}", why));
      };
      host.cut_[id] = [breaks] { breaks("connection reset"); };
      const uint64_t life = host.process_.life();
      const auto dead = [&host, life, broken] {
        return *broken || host.process_.life() != life || host.process_.ghost();
      };
      host.server_->ServeStream(
          call, {[&network, &host, state, place, dead, breaks, call, machine](std::string message) {
                   if (dead()) return;
                   if (network.on_answer) network.on_answer(host, call, message);
                   if (network.fates_.Strikes(Fault::kStreamBroken, place) || network.Cut(machine, host.machine_))
                     return breaks("the stream broke");
                   Bring(network.clockwork_, state, network.Delay(place),
                         [state, message = std::move(message)] { state->on_message(message); });
                 },
                 [&host, id, dead, broken, end](Status status) {
                   if (dead()) return;
                   host.cut_.erase(id);
                   *broken = true;
                   end(std::move(status));
                 },
                 [state, dead] { return state->left || state->ended || dead(); }});
    });
  });
  return handle;
}

std::unique_ptr<Transport> Network::Connect(Process& client, std::string client_machine, std::string caller,
                                            Host& host) {
  return std::make_unique<Way>(*this, client, std::move(client_machine), std::move(caller), host);
}

}  // namespace smki::simulation
