// A WebSocket server on gorilla/websocket, written the way the classic Go tutorial writes it: a read deadline that only pongs
// push on, pings from a ticker, a write deadline on each write, one read loop and one write loop a connection, and a done
// channel between them. The test-suite talks to it as to a server that knows nothing of holdfast.
//
// The first line on standard output is {"port":…}; every further line is an event as JSON. It ends when its standard input
// does, so that it never outlives the tests that started it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pongWait       = 60 * time.Second
	pingPeriod     = 30 * time.Second
	writeWait      = 10 * time.Second
	sendBufferSize = 256
)

// timing is the tutorial's three durations, divided by -scale.
type timing struct {
	pongWait, pingPeriod, writeWait time.Duration
}

func scaled(scale float64) timing {
	divide := func(d time.Duration) time.Duration { return time.Duration(float64(d) / scale) }
	return timing{divide(pongWait), divide(pingPeriod), divide(writeWait)}
}

// event is one line of the log on standard output.
type event struct {
	Event      string `json:"event"`
	ID         int64  `json:"id,omitempty"`
	Path       string `json:"path,omitempty"`
	Protocol   string `json:"protocol,omitempty"`
	Code       int    `json:"code,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Unexpected bool   `json:"unexpected,omitempty"`
	Error      string `json:"error,omitempty"`
}

var (
	outputLock sync.Mutex
	output     = json.NewEncoder(os.Stdout)
	lastID     int64
)

func report(line interface{}) {
	outputLock.Lock()
	defer outputLock.Unlock()
	if err := output.Encode(line); err != nil {
		os.Exit(1)
	}
}

type message struct {
	kind int
	data []byte
}

// connection is the tutorial's object: whoever wants to write puts a message into send; done closes when reading has ended.
type connection struct {
	timing
	id   int64
	conn *websocket.Conn
	send chan message
	done chan struct{}
}

// readLoop hands over each message until the connection fails, closes, or stays without a pong for pongWait.
func (c *connection) readLoop(receive func(message)) {
	defer close(c.done)
	defer c.conn.Close()
	c.pushReadDeadline(c.pongWait)
	c.conn.SetPongHandler(func(string) error {
		report(event{Event: "pong", ID: c.id})
		return c.pushReadDeadline(c.pongWait)
	})
	answer := c.conn.PingHandler()
	c.conn.SetPingHandler(func(data string) error {
		report(event{Event: "ping", ID: c.id})
		return answer(data)
	})
	for {
		kind, data, err := c.conn.ReadMessage()
		if err != nil {
			c.reportEnd(err)
			return
		}
		receive(message{kind, data})
	}
}

// writeLoop is the only writer of messages; it pings on a period and ends with the read loop.
func (c *connection) writeLoop() {
	ticker := time.NewTicker(c.pingPeriod)
	defer ticker.Stop()
	defer c.conn.Close()
	for {
		select {
		case m := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(c.writeWait))
			if err := c.conn.WriteMessage(m.kind, m.data); err != nil {
				if isTimeout(err) {
					report(event{Event: "write deadline", ID: c.id})
				}
				return
			}
		case <-ticker.C:
			if err := c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.writeWait)); err != nil {
				return
			}
		case <-c.done:
			return
		}
	}
}

// write queues a message and says whether the connection is still there to take it.
func (c *connection) write(m message) bool {
	select {
	case c.send <- m:
		return true
	case <-c.done:
		return false
	}
}

// sleep waits and says whether the connection is still there.
func (c *connection) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.done:
		return false
	}
}

// close says goodbye with a close frame and lets the read loop see the answer; code 0 drops the TCP connection instead.
func (c *connection) close(code int, reason string) {
	if code == 0 {
		c.conn.Close()
		return
	}
	c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(c.writeWait))
	c.pushReadDeadline(c.writeWait)
}

func (c *connection) pushReadDeadline(d time.Duration) error {
	return c.conn.SetReadDeadline(time.Now().Add(d))
}

func (c *connection) reportEnd(err error) {
	if isTimeout(err) {
		report(event{Event: "read deadline", ID: c.id})
	}
	closed := event{Event: "closed", ID: c.id, Code: websocket.CloseAbnormalClosure, Error: err.Error()}
	var closeError *websocket.CloseError
	if errors.As(err, &closeError) {
		closed.Code, closed.Reason = closeError.Code, closeError.Text
	}
	if websocket.IsUnexpectedCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		closed.Unexpected = true
		log.Printf("connection %d: %v", c.id, err)
	}
	report(closed)
}

func isTimeout(err error) bool {
	var netError net.Error
	return errors.As(err, &netError) && netError.Timeout()
}

// server holds the endpoints. Durations in a query are the caller's own and are not scaled.
type server struct {
	timing
}

func (s *server) echo(w http.ResponseWriter, r *http.Request) error {
	c, err := s.upgrade(w, r)
	if err != nil {
		return nil
	}
	go c.writeLoop()
	c.readLoop(func(m message) { c.write(m) })
	return nil
}

// feed sends the numbers 1, 2, 3 … as text.
func (s *server) feed(w http.ResponseWriter, r *http.Request) error {
	every, err := durationOf(r.URL.Query(), "every", 10*time.Millisecond)
	if err != nil || every <= 0 {
		return fmt.Errorf("every must be a positive duration such as 10ms")
	}
	c, err := s.upgrade(w, r)
	if err != nil {
		return nil
	}
	go c.writeLoop()
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for number := 1; ; number++ {
			select {
			case <-ticker.C:
				if !c.write(message{websocket.TextMessage, []byte(strconv.Itoa(number))}) {
					return
				}
			case <-c.done:
				return
			}
		}
	}()
	c.readLoop(discard)
	return nil
}

// silent accepts and never reads again: pings stay unanswered while TCP takes whatever fits its buffers.
func (s *server) silent(w http.ResponseWriter, r *http.Request) error {
	c, err := s.upgrade(w, r)
	if err != nil {
		return nil
	}
	<-c.done
	return nil
}

func (s *server) close(w http.ResponseWriter, r *http.Request) error {
	return s.closing(w, r, nil)
}

func (s *server) greetClose(w http.ResponseWriter, r *http.Request) error {
	return s.closing(w, r, &message{websocket.TextMessage, []byte("hello")})
}

func (s *server) closing(w http.ResponseWriter, r *http.Request, greeting *message) error {
	query := r.URL.Query()
	code, codeError := numberOf(query, "code", websocket.CloseNormalClosure)
	after, afterError := durationOf(query, "after", 0)
	if codeError != nil || afterError != nil {
		return fmt.Errorf("code must be a number and after a duration such as 50ms")
	}
	c, err := s.upgrade(w, r)
	if err != nil {
		return nil
	}
	go func() {
		if greeting != nil {
			c.conn.SetWriteDeadline(time.Now().Add(c.writeWait))
			c.conn.WriteMessage(greeting.kind, greeting.data)
		}
		if c.sleep(after) {
			c.close(code, query.Get("reason"))
		}
	}()
	c.readLoop(discard)
	return nil
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request) error {
	status, err := numberOf(r.URL.Query(), "status", http.StatusServiceUnavailable)
	if err != nil || status < 200 || status > 599 {
		return fmt.Errorf("status must be a number from 200 to 599")
	}
	if retryAfter := r.URL.Query().Get("retryAfter"); retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	http.Error(w, http.StatusText(status), status)
	return nil
}

// slow keeps the client waiting for the answer to its handshake, then echoes.
func (s *server) slow(w http.ResponseWriter, r *http.Request) error {
	delay, err := durationOf(r.URL.Query(), "delay", 5*time.Second)
	if err != nil {
		return fmt.Errorf("delay must be a duration such as 5s")
	}
	select {
	case <-time.After(delay):
		return s.echo(w, r)
	case <-r.Context().Done():
		report(event{Event: "abandoned", Path: r.URL.RequestURI()})
		return nil
	}
}

// upgrade answers the handshake; the upgrader itself has told the client if that failed.
func (s *server) upgrade(w http.ResponseWriter, r *http.Request) (*connection, error) {
	upgrader := websocket.Upgrader{
		HandshakeTimeout: s.writeWait,
		CheckOrigin:      func(*http.Request) bool { return true },
	}
	if protocol := r.URL.Query().Get("protocol"); protocol != "" {
		upgrader.Subprotocols = strings.Split(protocol, ",")
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	c := &connection{
		timing: s.timing,
		id:     atomic.AddInt64(&lastID, 1),
		conn:   conn,
		send:   make(chan message, sendBufferSize),
		done:   make(chan struct{}),
	}
	report(event{Event: "connected", ID: c.id, Path: r.URL.RequestURI(), Protocol: conn.Subprotocol()})
	return c, nil
}

func discard(message) {}

func durationOf(query url.Values, name string, otherwise time.Duration) (time.Duration, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	return time.ParseDuration(query.Get(name))
}

func numberOf(query url.Values, name string, otherwise int) (int, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	return strconv.Atoi(query.Get(name))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	scale := flag.Float64("scale", 1, "divides every duration of the tutorial")
	flag.Parse()
	if *scale <= 0 {
		log.Fatal("-scale must be greater than 0")
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	report(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})

	s := &server{timing: scaled(*scale)}
	endpoints := map[string]func(http.ResponseWriter, *http.Request) error{
		"/echo": s.echo, "/feed": s.feed, "/silent": s.silent, "/close": s.close,
		"/greet-close": s.greetClose, "/refuse": s.refuse, "/slow": s.slow,
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report(event{Event: "attempt", Path: r.URL.RequestURI()})
		endpoint, known := endpoints[r.URL.Path]
		if !known {
			http.NotFound(w, r)
			return
		}
		if err := endpoint(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})

	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, handler))
}
