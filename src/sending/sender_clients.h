// SenderClients: who hears of a sender. Tells each of them the news of the connection. A client may
// send, or leave, from inside. On the sender's loop.
#pragma once

#include "sending/delivery.h"
#include "sending/transport.h"

#include <vector>

namespace gapless::sending {

// One member of one level.
class SenderClient {
 public:
  virtual ~SenderClient() = default;
  // Every attempt of this client's deliveries that ended, before the sender acts on it; the client
  // may release the delivery from inside.
  virtual void OnAttempt(DeliveryId id, const AttemptResult& result) = 0;
  // Last word on a delivery; not called after Cancel, nor after a Release that returned false.
  virtual void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) = 0;
  // News of the connection, to every client.
  virtual void OnDialFailed(const Status& status) = 0;
  virtual void OnConnectionLost(const Status& status) = 0;
  virtual void OnConnected() = 0;
  // A slot became free.
  virtual void OnRoom() = 0;
};

class SenderClients final : public TransportObserver {
 public:
  void Add(SenderClient* client) { clients_.push_back(client); }
  void Remove(SenderClient* client) { std::erase(clients_, client); }

  void OnRoom() {
    for (SenderClient* client : std::vector(clients_)) {
      client->OnRoom();
    }
  }
  void OnConnected() override {
    for (SenderClient* client : std::vector(clients_)) {
      client->OnConnected();
    }
  }
  void OnDialFailed(const Status& status) override {
    for (SenderClient* client : std::vector(clients_)) {
      client->OnDialFailed(status);
    }
  }
  void OnConnectionLost(const Status& status) override {
    for (SenderClient* client : std::vector(clients_)) {
      client->OnConnectionLost(status);
    }
  }

 private:
  std::vector<SenderClient*> clients_;
};

}  // namespace gapless::sending
